-- name: patient
-- Between two pages files are read, which may take longer than a session may be idle in a transaction.
set local idle_in_transaction_session_timeout = 0

-- name: references
-- All that refers to objects, by the bytes of the key, as stores list them. An upload need not have arrived, a doomed
-- object need not exist: those are known, and not missed.
select key, bytes, sha256, kind, id
from (
    select key, bytes, sha256, 'job' as kind, job_id as id from artifacts where expired_at is null
    union all
    select key, bytes, sha256, 'asset', asset_id from asset_files
    union all
    select key, bytes, sha256, 'upload', id from uploads
    union all
    select key, null, null, 'doomed', null from doomed_objects
) known
order by key collate "C"

-- name: wanted
-- Those of the keys that have to exist.
select key from artifacts where key = any($1::text[]) and job_id = any($2::uuid[]) and expired_at is null
union
select key from artifacts where key = any($1::text[]) and strpos(key, job_id::text) = 0 and expired_at is null

-- name: open_jobs
select id from jobs where id = any($1::uuid[]) and finished_at is null

-- name: streams
-- A stream's sequences have no gap, and a job's last one is the job's. Retention takes from a stream's beginning.
select s.stream_id, s.events, s.first, s.last, j.sequence
from (
    select stream_id, count(*) as events, min(sequence) as first, max(sequence) as last
    from (select job_id as stream_id, sequence from outbox
          union all
          select stream_id, sequence from events) told
    group by stream_id
) s
left join jobs j on j.id = s.stream_id
where s.events <> s.last - s.first + 1 or s.last <> j.sequence
order by s.stream_id

-- name: tasks
-- Open jobs, and what else one of the tables by temperature knows, or the table of gates with a clock.
select j.*, coalesce(r.job_id, c.job_id) is not null as is_ready, d.job_id is not null as is_delayed, l.job_id is not null as is_leased,
       g.due_at is not distinct from j.gate_due_at as clock_agrees
from jobs j
left join ready r on r.job_id = j.id
left join capped c on c.job_id = j.id
left join delayed d on d.job_id = j.id
left join leases l on l.job_id = j.id
left join gates_due g on g.job_id = j.id
where j.finished_at is null or coalesce(r.job_id, c.job_id, d.job_id, l.job_id, g.job_id) is not null

-- name: strays
-- Rows of tasks whose job does not exist.
select t.kind, t.job_id
from (select 'ready' as kind, job_id from ready
      union all select 'capped', job_id from capped
      union all select 'delayed', job_id from delayed
      union all select 'leased', job_id from leases
      union all select 'gate with a clock', job_id from gates_due) t
where not exists (select from jobs j where j.id = t.job_id)

-- name: assets
-- Versions are numbered from 1 without gaps, and an asset's latest is the last.
select a.id, a.latest, count(v.version) as versions, max(v.version) as last
from assets a
left join asset_versions v on v.asset_id = a.id
group by a.id, a.project_id
having count(v.version) <> a.latest or max(v.version) is distinct from a.latest

-- name: unknown_files
-- Files of assets that no artifact stands behind: nobody could download them by it.
select f.asset_id, f.version, f.name
from asset_files f
where not exists (select from artifacts a where a.id = f.artifact_id)
