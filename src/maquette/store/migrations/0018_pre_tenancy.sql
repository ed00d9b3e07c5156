-- The second wall between tenants, and the record of what was administered.
--
-- Reads for tenants run as a role of their own (store/tenancy.py), which sees the rows of the projects that the
-- transaction names and no others. Whoever owns the tables is not concerned: policies hold for other roles.

-- The projects of the transaction; none where none are named.
create function tenant_projects() returns uuid[] language sql stable parallel safe as
$$ select string_to_array(nullif(current_setting('maquette.projects', true), ''), ',')::uuid[] $$;

-- What every migration that makes a tenant's table calls. The subselect is evaluated once a statement, and its result
-- is a condition for indexes.
create function guard_tenant_table(name regclass, project text default 'project_id') returns void language plpgsql as $$
begin
    execute format('alter table %s enable row level security', name);
    execute format('create policy tenant on %s for select using (%I = any ((select tenant_projects())::uuid[]))',
                   name, project);
end
$$;

-- Partitions of events have no policy and no grant: they can be read through their table alone.
select guard_tenant_table(c.oid::regclass)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and c.relname <> 'ready';
select guard_tenant_table('projects', 'id');

-- A place in line is how many others are before it: tenants see that there are tasks, not whose (store/tenancy.py).
alter table ready enable row level security;
create policy tenant on ready for select using (true);

-- Who signs in is seen by those who have him as a member.
alter table people enable row level security;
create policy tenant on people for select
    using (exists (select from members m where m.subject = people.subject));

-- What was administered: written with the act itself, never changed, and taken away by retention alone.
create table audit (
    id uuid not null primary key,
    at timestamptz not null,
    project_id uuid,
    subject text not null,
    kind text not null check (kind in ('user', 'worker', 'operator', 'system')),
    act text not null,
    object text not null,
    before bytea,
    after bytea,
    request_id text not null,
    address text
);
create index audit_by_project on audit (project_id, id);
create index audit_by_time on audit (at);
select guard_tenant_table('audit');

create function audit_is_kept() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('maquette.audit_retention', true) = 'on' then
        return old;
    end if;
    raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end
$$;
create trigger audit_is_kept before update or delete on audit for each row execute function audit_is_kept();
create trigger audit_is_not_emptied before truncate on audit for each statement execute function audit_is_kept();
