-- Many briefs in one request: a batch says who sent it and how many lines, briefs say which job came from which.
create table batches (
    id uuid not null,
    project_id uuid not null,
    key text,
    digest bytea not null,
    name text not null,
    lines integer not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (id, project_id),
    unique (project_id, key)
);
create index batches_by_project on batches (project_id, id);

alter table briefs
    add column batch_id uuid,
    add column batch_line integer;
create index briefs_by_batch on briefs (batch_id, job_id) where batch_id is not null;
