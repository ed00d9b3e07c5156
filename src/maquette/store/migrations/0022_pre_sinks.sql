-- Sinks of many kinds: which relay serves which, what a sink can never take, ranges of time that are told once more.

-- Events are owed to each sink that some relay serves: replicas that do not have the same ones lose nothing for those
-- that a few have. Relays of older versions name none and bring what they owe with each statement.
alter table relays add column sinks text[] not null default '{}';

-- What a sink can never take, until an operator has looked at it.
create table parked_events (
    sink text not null,
    stream_id uuid not null,
    sequence bigint not null,
    project_id uuid not null,
    time timestamptz not null,
    reason text not null,
    parked_at timestamptz not null,
    primary key (sink, stream_id, sequence, project_id)
);
create index parked_events_by_time on parked_events (sink, parked_at, stream_id, sequence);
select guard_tenant_table('parked_events');

-- An operator's order to tell a sink once more what happened from one time to another: all before `reached` is owed.
create table replays (
    id uuid not null primary key,
    sink text not null,
    project_id uuid,
    since timestamptz not null,
    until timestamptz not null,
    per_second integer not null check (per_second > 0),
    created_at timestamptz not null,
    created_by text not null,
    reached timestamptz not null,
    stride_seconds double precision not null,
    told bigint not null default 0,
    next_at timestamptz not null,
    finished_at timestamptz,
    canceled_by text,
    check (since < until)
);
create index replays_due on replays (next_at) where finished_at is null;
select guard_tenant_table('replays');

-- Events lie in their tables nearly in order of time, so that the ends of each 32 pages are index enough.
create index events_by_time on events using brin (time) with (pages_per_range = 32, autosummarize = on);
