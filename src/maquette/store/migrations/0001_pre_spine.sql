-- The spine: projects, jobs and their tasks by temperature, the library, the outbox.
--
-- Every key of a tenant's row ends in project_id, so that the schema can be distributed by project; the id in
-- front makes look-ups by id alone use the same index. Hot tables leave room for HOT updates and carry no
-- index on a column that a transition changes.

create table projects (
    id uuid not null primary key,
    name text not null,
    created_at timestamptz not null,
    created_by text not null,
    archived_at timestamptz,
    open_jobs_max integer not null
);

create table project_styles (
    project_id uuid not null,
    version integer not null,
    body bytea not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (project_id, version)
);

create table project_gates (
    project_id uuid not null,
    version integer not null,
    gates text[] not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (project_id, version)
);

create table api_keys (
    id uuid not null primary key,
    project_id uuid,
    kind text not null check (kind in ('user', 'operator')),
    name text not null,
    subject text not null,
    secret_hash bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    check ((kind = 'user') = (project_id is not null))
);
create index api_keys_by_project on api_keys (project_id);

create table uploads (
    id uuid not null,
    project_id uuid not null,
    name text not null,
    media_type text not null,
    bytes bigint not null,
    sha256 text not null,
    key text not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (id, project_id)
);

create table request_keys (
    project_id uuid not null,
    key text not null,
    digest bytea not null,
    job_id uuid not null,
    created_at timestamptz not null,
    primary key (project_id, key)
);

create table jobs (
    id uuid not null,
    project_id uuid not null,
    asset_type text not null,
    pipeline_version smallint not null,
    correlation_id text not null,
    skipped smallint not null,
    gates smallint not null,
    priority smallint not null,
    service text not null,
    status text not null check (status in
        ('queued', 'running', 'awaiting_review', 'paused', 'succeeded', 'failed', 'canceled')),
    position smallint not null,
    step_status text not null check (step_status in
        ('pending', 'running', 'paused', 'approved', 'rejected', 'done', 'failed', 'canceled')),
    gate_open boolean not null,
    revisions bytea not null,
    attempt smallint not null,
    retry_at timestamptz,
    sequence bigint not null,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    error bytea,
    asset_id uuid,
    primary key (id, project_id),
    constraint ended_when_finished check
        ((status in ('succeeded', 'failed', 'canceled')) = (finished_at is not null)),
    constraint failed_with_error check ((status = 'failed') = (error is not null)),
    constraint gate_means_paused check (not gate_open or step_status = 'paused')
) with (fillfactor = 70);
create index jobs_by_project on jobs (project_id, id);
create index jobs_open on jobs (project_id) where finished_at is null;

-- What a person asked for and what follows from it: written once, read when a step is handed out.
create table briefs (
    job_id uuid not null,
    project_id uuid not null,
    created_by text not null,
    library_path text not null,
    prompt text not null,
    style_version integer not null,
    inputs bytea not null,
    effective bytea not null,
    primary key (job_id, project_id)
);

create table steps (
    job_id uuid not null,
    position smallint not null,
    revision smallint not null,
    project_id uuid not null,
    step text not null,
    status text not null check (status in ('paused', 'approved', 'rejected', 'done', 'failed', 'canceled')),
    attempt smallint not null,
    fence bigint,
    service text not null,
    worker text not null,
    started_at timestamptz,
    finished_at timestamptz not null,
    idempotency_key text,
    model text not null,
    model_version text not null,
    outputs bytea not null,
    metrics bytea not null,
    error bytea,
    primary key (job_id, position, revision, project_id)
) with (fillfactor = 90);

-- Attempts that did not win.
create table attempts (
    job_id uuid not null,
    fence bigint not null,
    project_id uuid not null,
    position smallint not null,
    revision smallint not null,
    attempt smallint not null,
    service text not null,
    worker text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    error bytea not null,
    reported boolean not null,
    primary key (job_id, fence, project_id)
);

create table artifacts (
    id uuid not null,
    project_id uuid not null,
    job_id uuid not null,
    position smallint not null,
    revision smallint not null,
    attempt smallint not null,
    ordinal smallint not null,
    step text not null,
    kind text not null,
    name text not null,
    media_type text not null,
    bytes bigint not null,
    sha256 text not null,
    key text not null,
    attributes bytea not null,
    selected boolean,
    primary key (id, project_id)
);
create index artifacts_by_job on artifacts (job_id, position, revision);

create table user_decisions (
    id bigint generated always as identity,
    project_id uuid not null,
    job_id uuid not null,
    position smallint not null,
    revision smallint not null,
    step text not null,
    verdict text not null check (verdict in ('approved', 'rejected', 'paused')),
    notes text not null,
    selection uuid[] not null,
    changes bytea not null,
    rewind_to text,
    decided_by text not null,
    decided_at timestamptz not null,
    primary key (id, project_id)
);
create index user_decisions_by_job on user_decisions (job_id);

-- Tasks by temperature: a job's task is in at most one of these three, as its row says.
create table ready (
    job_id uuid not null,
    project_id uuid not null,
    service text not null,
    step text not null,
    priority smallint not null,
    tag bigint not null,
    primary key (job_id, project_id)
);
create index ready_order on ready (service, step, priority desc, tag, job_id);

create table delayed (
    job_id uuid not null,
    project_id uuid not null,
    due_at timestamptz not null,
    primary key (job_id, project_id)
);
create index delayed_due on delayed (due_at);

create sequence fences;

create table leases (
    job_id uuid not null,
    project_id uuid not null,
    fence bigint not null,
    worker_epoch uuid not null,
    claim_id uuid not null,
    worker text not null,
    service text not null,
    leased_at timestamptz not null,
    deadline_at timestamptz not null,
    inputs_digest bytea not null,
    canceling boolean not null,
    primary key (job_id, project_id)
) with (fillfactor = 70);

-- One row a worker process: its liveness, what it says it holds, and how far it is.
create table workers (
    epoch uuid not null primary key,
    name text not null,
    expires_at timestamptz not null,
    held bigint[] not null,
    held_before bigint[] not null,
    heard_at timestamptz,
    heard_before_at timestamptz,
    progress bytea not null,
    draining boolean not null
) with (fillfactor = 50);

create table dead_letters (
    id uuid not null,
    project_id uuid not null,
    job_id uuid not null,
    position smallint not null,
    revision smallint not null,
    attempt smallint not null,
    step text not null,
    error bytea not null,
    created_at timestamptz not null,
    primary key (id, project_id)
);

create table assets (
    id uuid not null,
    project_id uuid not null,
    library_path text not null,
    type text not null,
    name text not null,
    latest integer not null,
    created_at timestamptz not null,
    search tsvector not null,
    primary key (id, project_id),
    unique (project_id, library_path)
);
create index assets_by_project on assets (project_id, id);
create index assets_by_words on assets using gin (search);

create table asset_versions (
    asset_id uuid not null,
    version integer not null,
    project_id uuid not null,
    job_id uuid not null,
    status text not null,
    metadata bytea not null,
    lineage bytea not null,
    created_at timestamptz not null,
    primary key (asset_id, version, project_id)
);

create table asset_files (
    asset_id uuid not null,
    version integer not null,
    ordinal smallint not null,
    project_id uuid not null,
    artifact_id uuid not null,
    name text not null,
    role text not null,
    media_type text not null,
    bytes bigint not null,
    sha256 text not null,
    key text not null,
    primary key (asset_id, version, ordinal, project_id)
);

-- Events in the order they became true; the relay takes them from here. One index serves it and the readers.
create table outbox (
    shard smallint not null,
    job_id uuid not null,
    sequence bigint not null,
    project_id uuid not null,
    type text not null,
    time timestamptz not null,
    correlation_id text not null,
    data bytea not null,
    primary key (shard, job_id, sequence, project_id)
);

-- Small hot tables: vacuum early, without pauses.
alter table ready set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table delayed set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table leases set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table workers set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table jobs set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
