-- Project context in full: constraints and routes beside style and gates, each version for good, and what a job pins
-- of them.

-- Style and gates keep their tables, which the version before reads and writes; what is new needs none of its own.
create table project_documents (
    project_id uuid not null,
    kind text not null check (kind in ('constraints', 'routes')),
    version integer not null,
    body bytea not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (project_id, kind, version)
);

-- All kinds alike, read as whoever asks.
create view project_versions with (security_invoker = true) as
    select project_id, 'style' as kind, version, body, null::text[] as gates, null::bytea as policies, created_at,
           created_by
    from project_styles
    union all
    select project_id, 'gates', version, null, gates, policies, created_at, created_by from project_gates
    union all
    select project_id, kind, version, body, null, null, created_at, created_by from project_documents;

-- A style's reference images are in use, whatever retention says of uploads.
alter table project_styles add column reference_ids uuid[] not null default '{}';

alter table briefs
    add column constraints_version integer not null default 0,
    add column gates_version integer not null default 0,
    add column routes_version integer not null default 0;

-- Services by position, for jobs whose project has routes; written once. Everything else is `service`'s.
alter table jobs add column routes bytea;

-- Style of the latest version, so that what an older one made is found.
alter table assets add column style_version integer;
update assets a set style_version = (convert_from(v.lineage, 'UTF8')::jsonb ->> 'style_version')::integer
from asset_versions v where v.asset_id = a.id and v.version = a.latest;
create index assets_by_style on assets (project_id, style_version, id);
