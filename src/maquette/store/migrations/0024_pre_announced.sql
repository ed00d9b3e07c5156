-- Tasks that a queue outside was told of: hints that are under way, so that only so many are sent ahead.
create table announced (
    job_id uuid not null,
    project_id uuid not null,
    service text not null,
    step text not null,
    tag bigint not null,
    at timestamptz not null,
    primary key (job_id, project_id)
);
create index announced_by_service on announced (service);
select guard_tenant_table('announced');
