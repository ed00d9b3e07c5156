-- name: job
-- $2 null: any project (operators).
select j.*, b.created_by, b.library_path, b.style_version, b.inputs, b.effective, b.batch_id, b.batch_line, b.safety,
       b.constraints_version, b.gates_version, b.routes_version, b.retries_version
from jobs j
join briefs b on b.job_id = j.id
where j.id = $1 and ($2::uuid[] is null or j.project_id = any($2))

-- name: plan_anew
-- Filters that are null do not apply, and one plan for all callers can use no index for those that do: after some pages
-- without a filter the server would keep such a plan, and read all rows for a word or a status that few have.
set local plan_cache_mode = force_custom_plan

-- name: jobs
-- Newest first; filters that are null do not apply. What the table's constraints say of a status is said again, so that
-- the indexes of open and of failed jobs serve: for one that none has, all jobs of the project were read. The page is cut before briefs are joined: a merge of both from
-- the newest on read 50,000 briefs for the thousandth page. One range of the index a project and type.
with page as materialized (
    select j.* from unnest($1::uuid[]) as mine(project_id)
    cross join unnest($4::text[]) as kind(asset_type)
    cross join lateral (
        select * from jobs j
        where j.project_id = mine.project_id and j.asset_type = kind.asset_type and j.id < $2
          and ($3::text is null or j.status = $3)
          and ($3::text is null or $3 in ('succeeded', 'failed', 'canceled') or j.finished_at is null)
          and ($3::text is null or $3 <> 'failed' or j.error is not null)
        order by j.id desc
        limit $5
    ) j
    order by j.id desc
    limit $5
)
select j.*, b.created_by, b.library_path, b.style_version, b.inputs, b.effective, b.batch_id, b.batch_line, b.safety,
       b.constraints_version, b.gates_version, b.routes_version, b.retries_version
from page j
join briefs b on b.job_id = j.id
order by j.id desc

-- name: all_jobs
-- The same over all projects.
with page as materialized (
    select * from jobs j
    where j.id < $1
      and ($2::text is null or j.status = $2)
      and ($2::text is null or $2 in ('succeeded', 'failed', 'canceled') or j.finished_at is null)
      and ($2::text is null or $2 <> 'failed' or j.error is not null)
      and ($3::text is null or j.asset_type = $3)
    order by j.id desc
    limit $4
)
select j.*, b.created_by, b.library_path, b.style_version, b.inputs, b.effective, b.batch_id, b.batch_line, b.safety,
       b.constraints_version, b.gates_version, b.routes_version, b.retries_version
from page j
join briefs b on b.job_id = j.id
order by j.id desc

-- name: batch_jobs
-- The same over one batch: at most a thousand jobs.
select j.*, b.created_by, b.library_path, b.style_version, b.inputs, b.effective, b.batch_id, b.batch_line, b.safety,
       b.constraints_version, b.gates_version, b.routes_version, b.retries_version
from briefs b
join jobs j on j.id = b.job_id
where b.batch_id = $2 and ($1::uuid[] is null or j.project_id = any($1))
  and b.job_id < $3
  and ($4::text is null or j.status = $4)
  and ($5::text is null or j.asset_type = $5)
order by b.job_id desc
limit $6

-- name: records
select s.* from steps s where s.job_id = any($1::uuid[]) order by s.job_id, s.position, s.revision

-- name: artifacts
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected, a.replaced_by, a.expired_at, a.withheld
from artifacts a where a.job_id = any($1::uuid[]) and a.position >= 0
order by a.job_id, a.position, a.revision, a.ordinal

-- name: attempts
-- Attempts that did not win, the newest 50 of each job: a step that was redriven has thousands.
select a.* from unnest($1::uuid[]) as x(job_id)
cross join lateral (
    select job_id, position, revision, attempt, service, worker, started_at, finished_at, error from attempts a
    where a.job_id = x.job_id
    order by a.finished_at desc, a.attempt desc
    limit 50
) a
order by a.job_id, a.position, a.revision, a.attempt

-- name: decisions
select job_id, position, revision, step, verdict, notes, selection, changes, rewind_to, decided_by, decided_at,
       replacements
from user_decisions where job_id = any($1::uuid[]) order by id

-- name: leases
-- While a step runs, its lease says so; how far it is, its worker's last heartbeat.
select l.*, w.progress from leases l left join workers w on w.epoch = l.worker_epoch
where l.job_id = any($1::uuid[])

-- name: queue_position
-- How many tasks are ahead of a ready one, exact up to the limit of 1,000.
-- Two ranges of the queue's index, from its head: one comparison over all columns is no range of it, and for the
-- first of 300,000 tasks read them all, in 80 ms.
-- What stands aside, its project being at its cap, comes after all that is in line, in the order of its own project.
select count(*) + 1 as position, exists (select from capped where job_id = $1) as aside
from (
    select from (
        select service, step, priority, tag, job_id, null::uuid as project_id from ready where job_id = $1
        union all
        select service, step, priority, 9223372036854775807, job_id, project_id from capped where job_id = $1
    ) mine
    cross join lateral (
        (select from capped me join capped c on c.project_id = me.project_id
         where me.job_id = mine.job_id and me.project_id = mine.project_id and c.service = me.service and c.step = me.step
           and (c.priority > me.priority
                or c.priority = me.priority and (c.tag, c.job_id) < (me.tag, me.job_id))
         limit 1000)
        union all
        (select from ready r
         where r.service = mine.service and r.step = mine.step and r.priority > mine.priority
         limit 1000)
        union all
        (select from ready r
         where r.service = mine.service and r.step = mine.step and r.priority = mine.priority
           and (r.tag, r.job_id) < (mine.tag, mine.job_id)
         limit 1000)
    ) earlier
    where mine.job_id = $1
    limit 1000
) ahead

-- name: queue_positions
-- The same for many, from one look at the head of each line they stand in; those at a cap are not among them.
select mine.job_id, coalesce(head.position, 1001) as position
from ready mine
left join (
    select line.job_id, line.position
    from (select distinct service, step from ready where job_id = any($1::uuid[])) asked
    cross join lateral (
        select r.job_id, row_number() over (order by r.priority desc, r.tag, r.job_id) as position
        from ready r
        where r.service = asked.service and r.step = asked.step
        order by r.priority desc, r.tag, r.job_id
        limit 1000
    ) line
) head on head.job_id = mine.job_id
where mine.job_id = any($1::uuid[])

-- name: artifact
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected, a.replaced_by, a.expired_at, a.withheld
from artifacts a
where a.id = $1 and ($2::uuid[] is null or a.project_id = any($2))

-- name: decision
-- The word that closed a gate.
select job_id, position, revision, step, verdict, notes, selection, changes, rewind_to, decided_by, decided_at,
       replacements
from user_decisions
where job_id = $1 and step = $2 and revision = $3
order by id desc
limit 1
