-- name: hold_deletions
-- For the session: copying outlives any transaction that should be kept open. See drain_lock in retention.sql.
select pg_advisory_lock_shared(1835102577, 1)

-- name: release_deletions
select pg_advisory_unlock_shared(1835102577, 1)

-- name: snapshot
select pg_export_snapshot() as snapshot, current_setting('server_version_num')::integer as server_version

-- name: migrations
select name from schema_migrations order by name

-- name: counts
select (select count(*) from projects) as projects, (select count(*) from api_keys) as api_keys,
       (select count(*) from jobs) as jobs, (select count(*) from steps) as steps,
       (select count(*) from artifacts) as artifacts, (select count(*) from user_decisions) as user_decisions,
       (select count(*) from dead_letters) as dead_letters, (select count(*) from uploads) as uploads,
       (select count(*) from assets) as assets, (select count(*) from asset_versions) as asset_versions,
       (select count(*) from asset_files) as asset_files,
       (select count(*) from outbox) + (select count(*) from events) as events

-- name: tables
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p')

-- name: forget_outbox_transactions
-- Transaction ids are the old server's. Whatever was made before is older than all that this one will do: ids below
-- the first that any server gives out (3 to 258), by stream, so that whoever reads it all can do so in pages.
update outbox set xid = (3 + get_byte(uuid_send(job_id), 15))::text::xid8

-- name: forget_event_transactions
update events set xid = (3 + get_byte(uuid_send(stream_id), 15))::text::xid8

-- name: forget_workers
-- None of the old installation's processes works here: without their rows, the sweeper gives their tasks away.
delete from workers

-- name: forget_relays
delete from relays

-- name: free_shards
update relay_shards set epoch = null

-- name: free_lanes
update webhook_lanes set lease = null, due_at = clock_timestamp() where lease is not null

-- name: forget_doomed
-- The backup has none of these objects.
delete from doomed_objects

-- name: leap_fences
-- Fences that the old installation gave out after the backup stay unknown here.
select setval('fences', nextval('fences') + 1000000000)
