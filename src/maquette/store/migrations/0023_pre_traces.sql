-- Where in whose trace a job was submitted: `traceparent` and, after a space, `tracestate`. Written once, in the row
-- that is written once and that a claim reads anyway; null where nobody traces.
alter table briefs add column trace text;
create index briefs_traced on briefs (job_id) where trace is not null;

-- Since when a task is in line: for the age of a queue. Rows of this table are made and deleted, never changed.
alter table ready add column since timestamptz not null default clock_timestamp();
