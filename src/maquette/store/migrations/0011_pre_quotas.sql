-- Quotas and the ledger: what projects may have and spend, and what their work did cost.
--
-- Code of the version before writes no entries: set rates and limits of cost when it is gone.

create table plans (
    name text not null primary key,
    limits bytea not null,
    limits_requests boolean not null,
    updated_at timestamptz not null,
    updated_by text not null
);

-- Read under the project's lock by the statement that takes it: in force everywhere with the next submission.
alter table projects
    add column plan text,
    add column quotas bytea,
    add column limits_requests boolean not null default false;

-- What steps cost on a service, by step.
create table rates (
    service text not null primary key,
    rates bytea not null,
    updated_at timestamptz not null,
    updated_by text not null
);

-- Estimates, and what was spent; null for what costs nothing, and never written again for those.
alter table jobs add column bill bytea;

-- Append-only. The sum of a job's entries is what it has reserved and spent.
create table ledger (
    id bigint not null generated always as identity,
    project_id uuid not null,
    job_id uuid not null,
    subject text not null,
    position smallint not null,
    revision smallint not null,
    attempt smallint not null,
    step text not null,
    service text not null,
    kind text not null check (kind in ('reserve', 'settle', 'release')),
    micros bigint not null,
    gpu_ms bigint not null,
    at timestamptz not null,
    primary key (id, project_id)
);
create unique index ledger_settled_once on ledger (job_id, position, revision, project_id) where kind = 'settle';
create index ledger_by_project on ledger (project_id, at);

-- The same entries until they are added up: a sum is what is added up and what is fresh, read by one statement. Inserting
-- locks nothing that others wait for, and nothing is lost or counted twice by a crash.
create table ledger_fresh (
    id bigint not null generated always as identity,
    project_id uuid not null,
    subject text not null,
    service text not null,
    settled boolean not null,
    micros bigint not null,
    gpu_ms bigint not null,
    at timestamptz not null,
    primary key (id, project_id)
);
create index ledger_fresh_by_project on ledger_fresh (project_id);
alter table ledger_fresh set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create table ledger_days (
    project_id uuid not null,
    day date not null,
    subject text not null,
    service text not null,
    micros bigint not null,
    gpu_ms bigint not null,
    steps bigint not null,
    primary key (project_id, day, subject, service)
);

create table ledger_open (
    project_id uuid not null,
    subject text not null,
    micros bigint not null,
    gpu_ms bigint not null,
    primary key (project_id, subject)
);

-- Jobs that wait until there is something left to spend.
create table blocked (
    job_id uuid not null,
    project_id uuid not null,
    since timestamptz not null,
    primary key (job_id, project_id)
);

-- What projects and users store, measured where it is limited: by looking at what there is, so it cannot drift.
create table stored (
    project_id uuid not null,
    subject text not null,
    bytes bigint not null,
    measured_at timestamptz not null,
    primary key (project_id, subject)
);

-- Requests of a minute as each process counted them: it overwrites what it said before.
create table request_counts (
    project_id uuid not null,
    subject text not null,
    minute bigint not null,
    replica uuid not null,
    count bigint not null,
    primary key (project_id, subject, minute, replica)
);

-- What was refused, for the operator: by project, day, user and reason.
create table refusals (
    project_id uuid not null,
    day date not null,
    subject text not null,
    reason text not null,
    times bigint not null,
    last_at timestamptz not null,
    primary key (project_id, day, subject, reason)
);
