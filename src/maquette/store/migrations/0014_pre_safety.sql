-- Safety: policies as versioned data, what was decided by them, what people said of that, and files that nobody may
-- read yet, or any more.

create table project_safety (
    project_id uuid not null,
    version integer not null,
    body bytea not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (project_id, version)
);

-- The operator's own, over the shipped floor and below every project's.
create table platform_safety (
    version integer not null primary key,
    body bytea not null,
    created_at timestamptz not null,
    created_by text not null
);

-- Every decision but a plain allow, which stands as the policies' versions with the brief and the step it allowed.
-- `in_force` is the verdict, or what a person said last. `sequence` numbers the events of the decision's own stream.
create table safety_decisions (
    id uuid not null,
    project_id uuid not null,
    at timestamptz not null,
    stage text not null check (stage in ('prompt', 'reference', 'output')),
    verdict text not null check (verdict in ('allow', 'hold', 'block')),
    in_force text not null check (in_force in ('allow', 'hold', 'block')),
    categories text[] not null,
    policy bytea not null,
    moderators bytea not null,
    evidence bytea not null,
    subject text not null,
    decided_by text not null,
    reason text not null,
    digest bytea not null,
    correlation_id text not null,
    job_id uuid,
    position smallint,
    revision smallint,
    upload_id uuid,
    artifact_id uuid,
    appeal text,
    appealed_by text,
    appealed_at timestamptz,
    sequence bigint not null default 0,
    primary key (id, project_id)
);
create index safety_decisions_by_project on safety_decisions (project_id, id);
create index safety_decisions_by_job on safety_decisions (job_id) where job_id is not null;

create table safety_overrides (
    id uuid not null,
    project_id uuid not null,
    decision_id uuid not null,
    verdict text not null check (verdict in ('allow', 'block')),
    reason text not null,
    decided_by text not null,
    by_operator boolean not null,
    decided_at timestamptz not null,
    primary key (id, project_id)
);
create index safety_overrides_by_decision on safety_overrides (decision_id);

-- What people said of a content: the same composed prompt, or the same file, passes in this project, or does not.
create table safety_exemptions (
    project_id uuid not null,
    digest bytea not null,
    verdict text not null check (verdict in ('allow', 'block')),
    decision_id uuid not null,
    by_operator boolean not null,
    decided_at timestamptz not null,
    primary key (project_id, digest)
);

-- Step revisions whose files wait for a moderator outside. Taking one means moving due_at, so of several replicas one
-- has it, and one that dies gives it back by doing nothing.
create table unjudged (
    job_id uuid not null,
    project_id uuid not null,
    position smallint not null,
    revision smallint not null,
    due_at timestamptz not null,
    tries smallint not null default 0,
    primary key (job_id, position, revision, project_id)
);
create index unjudged_due on unjudged (due_at);
alter table unjudged set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Null: it may be read.
alter table artifacts
    add column withheld text,
    add constraint withheld_for_a_reason check (withheld in ('awaiting', 'blocked')) not valid;
alter table asset_files add column withheld text;

-- Versions of the policies that allowed a prompt and a result: `floor.platform.project`.
alter table briefs add column safety text not null default '';
alter table steps add column safety text not null default '';

-- The same of a file that somebody brings; with a + where a moderator outside has seen it.
alter table uploads add column safety text;
