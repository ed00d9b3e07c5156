-- Services as rows: what operators set, how their breakers stand, and how their attempts went.

-- Few rows, written when something changes; a service without one has the defaults.
create table services (
    name text not null primary key,
    policy bytea,
    concurrency_max integer check (concurrency_max > 0),
    starts_per_minute integer check (starts_per_minute > 0),
    draining boolean not null default false,
    forced text check (forced in ('open', 'closed')),
    forced_by text,
    forced_reason text not null default '',
    state text not null default 'closed' check (state in ('closed', 'open', 'half_open')),
    since timestamptz,
    generation integer not null default 0,
    trips integer not null default 0,
    probe_at timestamptz,
    reason text not null default '',
    tokens double precision,
    tokens_at timestamptz
);

-- Attempts as each process counted them, in slots of time: it overwrites what it said before.
create table service_calls (
    service text not null,
    slot bigint not null,
    replica uuid not null,
    generation integer not null,
    calls integer not null,
    failed integer not null,
    slow integer not null,
    primary key (service, slot, replica, generation)
);
alter table service_calls set (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);

-- Jobs that no service of their route can be asked for.
create table unrouted (
    job_id uuid not null,
    project_id uuid not null,
    since timestamptz not null,
    primary key (job_id, project_id)
);
create index unrouted_by_time on unrouted (since, job_id);
select guard_tenant_table('unrouted');

-- The fallback that was chosen last: position, revision, service, reason.
alter table jobs add column detour bytea;
-- Why a fallback did the step.
alter table steps add column route_reason text;
