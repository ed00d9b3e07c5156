-- Reuse across jobs: what was made with which inputs, and by which version of which model.

-- Whether a job may take over what others made: null where its seed was drawn, for then nothing can be equal to it yet.
alter table jobs add column reuse text check (reuse in ('allow', 'never'));

-- Jobs whose seed was drawn are found by it, should somebody name it later: an entry a job instead of a key a step.
alter table briefs add column drawn_seed bigint;
create index briefs_by_drawn_seed on briefs (project_id, drawn_seed) where drawn_seed is not null;

-- Keys of the steps of jobs whose seed was named. An index on steps would grow with every step of every job.
create table reuse_keys (
    project_id uuid not null,
    key bytea not null,
    job_id uuid not null,
    position smallint not null,
    revision smallint not null,
    primary key (project_id, key, job_id, position, revision)
);
select guard_tenant_table('reuse_keys');

-- What a service did a step with when it was last seen to. A row a (service, step), written when it changes.
create table service_models (
    service text not null,
    step text not null,
    model_version text not null,
    seen_at timestamptz not null,
    primary key (service, step)
);
