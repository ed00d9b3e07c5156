-- New jobs and their briefs as rows of types, as steps travel since 0027: 39 arrays were a fourth of what the driver did for
-- a submission.

create type job_row as (
    id uuid,
    project_id uuid,
    asset_type text,
    pipeline_version smallint,
    correlation_id text,
    skipped smallint,
    gates smallint,
    priority smallint,
    service text,
    status text,
    position smallint,
    step_status text,
    gate_open boolean,
    revisions bytea,
    attempt smallint,
    sequence bigint,
    created_at timestamptz,
    provided smallint,
    gate_policies bytea,
    routes bytea,
    retries bytea,
    reuse text
);

create type brief_row as (
    job_id uuid,
    project_id uuid,
    created_by text,
    library_path text,
    prompt text,
    style_version integer,
    inputs bytea,
    effective bytea,
    batch_id uuid,
    batch_line integer,
    safety text,
    constraints_version integer,
    gates_version integer,
    routes_version integer,
    trace text,
    retries_version integer,
    drawn_seed bigint
);
