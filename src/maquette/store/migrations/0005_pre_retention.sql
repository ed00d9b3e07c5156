-- Retention: what a project wants kept, where its cleaning stands, and objects that wait for their deletion.

-- Days by category as JSON; a category that is missing follows the platform's default.
create table project_retention (
    project_id uuid not null,
    version integer not null,
    body bytea not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (project_id, version)
);

-- When a project is to be cleaned next. Taking it means moving due_at, so of several replicas one has it, and one
-- that dies gives it back by doing nothing. Jobs that finished before (tidied_at, tidied_job) have been tidied.
create table retention_runs (
    project_id uuid not null primary key,
    due_at timestamptz not null,
    tidied_at timestamptz not null default '0001-01-01 00:00:00+00',
    tidied_job uuid not null default '00000000-0000-0000-0000-000000000000'
);
create index retention_runs_due on retention_runs (due_at);

-- Written with the rows' removal, drained after it: no crash in between leaves an object for ever.
create table doomed_objects (
    key text not null,
    project_id uuid not null,
    doomed_at timestamptz not null,
    primary key (key, project_id)
);
create index doomed_objects_due on doomed_objects (doomed_at);

-- The file is gone, what is known of it stays with its job.
alter table artifacts add column expired_at timestamptz;

-- Artifacts in their own job's folder are found by job; the few that refer elsewhere (uploads, another job's files)
-- by key. The other rows do not enter this index: they cost one comparison.
create index artifacts_elsewhere on artifacts (key) where strpos(key, job_id::text) = 0;

-- A job enters once, in an update that cannot be HOT anyway: finished_at is in the predicate of jobs_open.
create index jobs_finished on jobs (project_id, finished_at, id) where finished_at is not null;
create index dead_letters_by_job on dead_letters (job_id);
create index request_keys_by_age on request_keys (project_id, created_at);

-- Drop the months of events that lie wholly before a moment; return how many. Dropping locks all of `events` for an
-- instant: while somebody reads for long (a backup), better leave it for the next time than make others wait.
create function drop_events_partitions(before timestamptz) returns integer language plpgsql
set lock_timeout = '200ms' as $$
declare
    partition text;
    dropped integer := 0;
begin
    for partition in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'events'::regclass and c.relname ~ '^events_\d{4}_\d{2}$'
          and (to_date(substr(c.relname, 8), 'YYYY_MM') + interval '1 month') at time zone 'utc' <= before
        order by c.relname
    loop
        execute format('drop table %I', partition);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
