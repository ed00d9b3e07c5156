-- Webhooks: where a project's events go, what is on its way there, and what became of it.
--
-- A lane is one stream on its way to one endpoint: it has a row while something of it is pending. Its row is what is
-- claimed: `due_at` is when the lane may be looked at next, or, while it is leased, when the lease ends.

-- With job_id: the webhook_url of one job, signed with the project's secret.
create table webhooks (
    id uuid not null,
    project_id uuid not null,
    job_id uuid,
    url text not null,
    name text not null,
    events text[] not null,
    secret_version integer not null,
    secret_oldest integer not null,
    overlap_until timestamptz,
    failing_since timestamptz,
    throttled_until timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    sequence bigint not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (id, project_id),
    constraint disabled_for_a_reason check ((disabled_at is null) = (disabled_reason is null))
);
create index webhooks_by_project on webhooks (project_id, id) where job_id is null;
create index webhooks_by_job on webhooks (job_id) where job_id is not null;

create table webhook_secrets (
    project_id uuid not null primary key,
    secret_version integer not null,
    secret_oldest integer not null,
    overlap_until timestamptz
);

create table webhook_deliveries (
    id uuid not null,
    project_id uuid not null,
    webhook_id uuid not null,
    stream_id uuid not null,
    sequence bigint not null,
    event_id uuid not null,
    event_type text not null,
    body bytea not null,
    status text not null check (status in ('pending', 'succeeded', 'failed', 'dropped')),
    attempts smallint not null,
    tries smallint not null,
    due_at timestamptz not null,
    failed_at timestamptz,
    created_at timestamptz not null,
    finished_at timestamptz,
    primary key (id, project_id),
    unique (webhook_id, stream_id, sequence, project_id),
    constraint pending_until_finished check ((status = 'pending') = (finished_at is null))
) with (fillfactor = 80);
create index webhook_deliveries_log on webhook_deliveries (webhook_id, status, id);
create index webhook_deliveries_old on webhook_deliveries (status, finished_at) where finished_at is not null;

create table webhook_attempts (
    delivery_id uuid not null,
    attempt smallint not null,
    project_id uuid not null,
    at timestamptz not null,
    duration_ms integer not null,
    status_code smallint,
    error text,
    next_at timestamptz,
    primary key (delivery_id, attempt, project_id)
);

create table webhook_lanes (
    webhook_id uuid not null,
    stream_id uuid not null,
    project_id uuid not null,
    due_at timestamptz not null,
    lease uuid,
    primary key (webhook_id, stream_id, project_id)
);
create index webhook_lanes_due on webhook_lanes (webhook_id, due_at);
create index webhook_lanes_leased on webhook_lanes (webhook_id) where lease is not null;
alter table webhook_lanes set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
