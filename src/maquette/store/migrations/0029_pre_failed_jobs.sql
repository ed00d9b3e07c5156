-- Failed jobs, newest first: they are few and looked for often. A job has an error when and only when it failed, and nothing
-- else changes that column, so the index costs the other transitions nothing and leaves their updates HOT.
create index jobs_failed on jobs (project_id, id) where error is not null;
