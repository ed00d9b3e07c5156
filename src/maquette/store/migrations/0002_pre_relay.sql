-- The relay: outbox → events, and what each sink has not acknowledged yet.
--
-- `xid` is the transaction that made an event, kept when it moves: a project's stream goes on from a snapshot
-- (docs/adr/0011), so readers look for what was committed since. In the outbox `job_id` is the stream's id; most are jobs.
alter table outbox add column xid xid8 not null default pg_current_xact_id();
create index outbox_by_project on outbox (project_id, xid);

-- What was published, by month of its time; the default partition takes what has no month yet, so that moving an
-- event never fails.
create table events (
    stream_id uuid not null,
    sequence bigint not null,
    project_id uuid not null,
    type text not null,
    time timestamptz not null,
    correlation_id text not null,
    data bytea not null,
    xid xid8 not null,
    primary key (stream_id, sequence, project_id, time)
) partition by range (time);
create index events_by_project on events (project_id, xid);
create table events_default partition of events default;

-- One row an event and sink, until the sink has acknowledged it.
create table undelivered (
    sink text not null,
    shard smallint not null,
    stream_id uuid not null,
    sequence bigint not null,
    project_id uuid not null,
    time timestamptz not null,
    primary key (sink, shard, stream_id, sequence, project_id)
);

-- One row a maintenance process that relays; it goes when the process has been silent for its lease. A shard whose
-- epoch is not here is free.
create table relays (
    epoch uuid not null primary key,
    expires_at timestamptz not null
) with (fillfactor = 50);

create table relay_shards (
    shard smallint not null primary key,
    epoch uuid
) with (fillfactor = 50);
insert into relay_shards (shard) select generate_series(0, 63);

-- What became of publishing, for those who operate it.
create table sinks (
    sink text not null primary key,
    published bigint not null,
    failures bigint not null,
    error text,
    error_at timestamptz
) with (fillfactor = 50);

-- Make the partitions of this month and of the months ahead. Rows that the default partition took meanwhile move.
-- Attaching locks the default partition: while a backup reads it, better fail and try again than make readers wait.
create function make_events_partitions(months_ahead integer) returns setof text language plpgsql
set lock_timeout = '2s' as $$
declare
    first timestamptz;
    after timestamptz;
    partition text;
begin
    perform pg_advisory_xact_lock(hashtext('make_events_partitions'));
    for ahead in 0..months_ahead loop
        first := (date_trunc('month', now() at time zone 'utc') + make_interval(months => ahead)) at time zone 'utc';
        after := (first at time zone 'utc' + interval '1 month') at time zone 'utc';
        partition := 'events_' || to_char(first at time zone 'utc', 'YYYY_MM');
        continue when to_regclass(partition) is not null;
        execute format('create table %I (like events including defaults)', partition);
        if exists (select from events_default where time >= first and time < after) then
            lock table events_default in access exclusive mode;
            execute format('with late as (delete from events_default where time >= %L and time < %L returning *)
                            insert into %I select * from late', first, after, partition);
        end if;
        execute format('alter table events attach partition %I for values from (%L) to (%L)', partition, first, after);
        return next partition;
    end loop;
end
$$;
select make_events_partitions(2);

-- Rows come and go: vacuum early, without pauses.
alter table outbox set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table undelivered set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table relays set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
