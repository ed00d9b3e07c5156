-- What projects say of retries, pinned by jobs; and which workers a step took down.

alter table project_documents drop constraint project_documents_kind_check,
    add constraint project_documents_kind_check check (kind in ('constraints', 'routes', 'retries'));

alter table briefs add column retries_version integer not null default 0;

-- Policies and deadlines by position, for jobs whose project has some: written once. The workers that were gone while
-- they had the current step, null for nearly all: written when one is lost.
alter table jobs
    add column retries bytea,
    add column lost bytea;

-- Caps on tasks that run at once. Whether there is one is read every half second, by every process.
alter table plans add column limits_tasks boolean not null default false;
alter table projects add column limits_tasks boolean not null default false;
create index projects_capped on projects (id) where limits_tasks or plan is not null;

-- Ready tasks of projects at their cap, taken out of the line so that claims need not pass over them. The version before
-- does not look here: set caps when it is gone.
create table capped (
    job_id uuid not null,
    project_id uuid not null,
    service text not null,
    step text not null,
    priority smallint not null,
    tag bigint not null,
    primary key (job_id, project_id)
);
create index capped_line on capped (project_id, priority desc, tag, job_id);
select guard_tenant_table('capped');

-- How fast steps went lately, as each process counted them, by minute: it overwrites what it said before.
create table pace (
    service text not null,
    step text not null,
    minute bigint not null,
    replica uuid not null,
    done integer not null,
    seconds double precision not null,
    began_at timestamptz not null,
    primary key (service, step, minute, replica)
);
alter table pace set (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
