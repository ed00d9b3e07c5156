-- Who may ask: keys with roles, scopes and a second secret while they are rotated; tokens of workers, limited to
-- services; members of projects, and what their issuers say of them.
--
-- Code of the version before knows neither roles nor scopes nor services: give out narrowed keys when it is gone.

alter table api_keys
    add column role text not null default 'owner' check (role in ('viewer', 'artist', 'reviewer', 'owner')),
    add column scopes text[],
    add column services text[],
    add column created_by text,
    add column last_used_at timestamptz,
    add column previous_hash bytea,
    add column previous_until timestamptz,
    add constraint api_keys_two_secrets check ((previous_hash is null) = (previous_until is null)),
    drop constraint api_keys_kind_check,
    add constraint api_keys_kind_check check (kind in ('user', 'operator', 'worker')),
    add constraint api_keys_services_check check (services is null or kind = 'worker');

-- Who signs in with an issuer of OpenID: the subject is made of the issuer and its name for the person, so it is known
-- before the first time.
create table people (
    subject text not null primary key,
    issuer text not null,
    external_id text not null,
    email text,
    seen_at timestamptz
);

create table members (
    project_id uuid not null,
    subject text not null,
    role text not null check (role in ('viewer', 'artist', 'reviewer', 'owner')),
    added_at timestamptz not null,
    added_by text not null,
    primary key (project_id, subject)
);
create index members_by_subject on members (subject);
