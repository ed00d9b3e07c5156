-- Review in full: work that comes with a brief, files replaced at a gate, work that is reused, holds further on, and
-- gates that do not wait for ever.

-- The first and the third are written once; the others only by jobs that someone holds or whose gate has a clock.
alter table jobs
    add column provided smallint not null default 0,
    add column hold_at smallint,
    add column gate_policies bytea,
    add column gate_since timestamptz,
    add column gate_due_at timestamptz;

alter table steps add column reused_from uuid;
alter table artifacts add column replaced_by uuid;
alter table user_decisions add column replacements bytea not null default '\x7b7d';
alter table project_gates add column policies bytea;

-- Open gates with a clock that runs: few rows, found when they are due.
create table gates_due (
    job_id uuid not null,
    project_id uuid not null,
    due_at timestamptz not null,
    primary key (job_id, project_id)
);
create index gates_due_order on gates_due (due_at);
alter table gates_due set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
