-- What projects say of retries, pinned by jobs; and which workers a step took down.

alter table project_documents drop constraint project_documents_kind_check,
    add constraint project_documents_kind_check check (kind in ('constraints', 'routes', 'retries'));

alter table briefs add column retries_version integer not null default 0;

-- Policies and deadlines by position, for jobs whose project has some: written once. The workers that were gone while
-- they had the current step, null for nearly all: written when one is lost.
alter table jobs
    add column retries bytea,
    add column lost bytea;
