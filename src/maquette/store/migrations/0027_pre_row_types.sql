-- Rows that travel as one array of tuples instead of an array for each column: the driver looks at every element of an array
-- to see whether it is an array itself, which was a seventh of the API's instructions for a step, and does not look at tuples.
--
-- A type belongs to a statement and stays as it is, because processes of another version use it: a statement with another
-- column gets a type of its own, named with a number.

create type outbox_row as (
    shard smallint,
    job_id uuid,
    sequence bigint,
    project_id uuid,
    type text,
    time timestamptz,
    correlation_id text,
    data bytea
);

create type step_row as (
    job_id uuid,
    position smallint,
    revision smallint,
    project_id uuid,
    step text,
    status text,
    attempt smallint,
    fence bigint,
    service text,
    worker text,
    started_at timestamptz,
    finished_at timestamptz,
    idempotency_key text,
    model text,
    model_version text,
    outputs bytea,
    metrics bytea,
    error bytea,
    reused_from uuid,
    safety text,
    route_reason text
);

create type artifact_row as (
    id uuid,
    project_id uuid,
    job_id uuid,
    position smallint,
    revision smallint,
    attempt smallint,
    ordinal smallint,
    step text,
    kind text,
    name text,
    media_type text,
    bytes bigint,
    sha256 text,
    key text,
    attributes bytea,
    selected boolean,
    withheld text
);

create type job_state as (
    id uuid,
    status text,
    position smallint,
    step_status text,
    gate_open boolean,
    revisions bytea,
    attempt smallint,
    retry_at timestamptz,
    sequence bigint,
    started_at timestamptz,
    finished_at timestamptz,
    error bytea,
    asset_id uuid
);

create type lease_row as (
    job_id uuid,
    project_id uuid,
    fence bigint,
    worker_epoch uuid,
    claim_id uuid,
    worker text,
    service text,
    leased_at timestamptz,
    deadline_at timestamptz,
    inputs_digest bytea,
    canceling boolean,
    tag bigint,
    stride bigint
);

create type asset_file_row as (
    asset_id uuid,
    version integer,
    ordinal smallint,
    project_id uuid,
    artifact_id uuid,
    name text,
    role text,
    media_type text,
    bytes bigint,
    sha256 text,
    key text,
    withheld text
);
