-- name: job
-- $2 null: any project (operators).
select j.*, b.created_by, b.library_path, b.style_version, b.inputs, b.effective
from jobs j
join briefs b on b.job_id = j.id
where j.id = $1 and ($2::uuid[] is null or j.project_id = any($2))

-- name: jobs
-- Newest first; filters that are null do not apply.
select j.*, b.created_by, b.library_path, b.style_version, b.inputs, b.effective
from jobs j
join briefs b on b.job_id = j.id
where ($1::uuid[] is null or j.project_id = any($1))
  and ($2::uuid is null or j.id < $2)
  and ($3::text is null or j.status = $3)
  and ($4::text is null or j.asset_type = $4)
order by j.id desc
limit $5

-- name: records
select s.* from steps s where s.job_id = any($1::uuid[]) order by s.job_id, s.position, s.revision

-- name: artifacts
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected
from artifacts a where a.job_id = any($1::uuid[]) and a.position >= 0
order by a.job_id, a.position, a.revision, a.ordinal

-- name: decisions
select job_id, position, revision, step, verdict, notes, selection, changes, rewind_to, decided_by, decided_at
from user_decisions where job_id = any($1::uuid[]) order by id

-- name: leases
-- While a step runs, its lease says so; how far it is, its worker's last heartbeat.
select l.*, w.progress from leases l left join workers w on w.epoch = l.worker_epoch
where l.job_id = any($1::uuid[])

-- name: queue_position
-- How many tasks are ahead of a ready one, exact up to the limit of 1,000.
select count(*) + 1 from (
    select from ready r
    join ready mine on mine.job_id = $1 and r.service = mine.service and r.step = mine.step
    where (-r.priority, r.tag, r.job_id) < (-mine.priority, mine.tag, mine.job_id)
    limit 1000
) ahead

-- name: artifact
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected
from artifacts a
where a.id = $1 and ($2::uuid[] is null or a.project_id = any($2))

-- name: decision
-- The word that closed a gate.
select job_id, position, revision, step, verdict, notes, selection, changes, rewind_to, decided_by, decided_at
from user_decisions
where job_id = $1 and step = $2 and revision = $3
order by id desc
limit 1

-- name: events
select sequence, type, time, correlation_id, project_id, data
from outbox
where shard = $1 and job_id = $2 and sequence > $3
order by sequence
limit $4

-- name: sequences
-- What followers of jobs need to know whether there is news.
select j.id, j.sequence, j.status, w.progress, l.fence
from jobs j
left join leases l on l.job_id = j.id
left join workers w on w.epoch = l.worker_epoch
where j.id = any($1::uuid[])
