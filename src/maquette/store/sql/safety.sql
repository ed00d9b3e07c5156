-- name: versions
-- The platform's newest version, and those of projects that have a policy.
select null::uuid as project_id, coalesce(max(version), 0) as version from platform_safety
union all
select x.id, (select max(version) from project_safety s where s.project_id = x.id)
from unnest($1::uuid[]) as x(id)

-- name: platform
-- $1 null: the newest.
select version, body, created_at, created_by from platform_safety
where $1::integer is null or version = $1 order by version desc limit 1

-- name: project
select version, body, created_at, created_by from project_safety
where project_id = $1 and ($2::integer is null or version = $2) order by version desc limit 1

-- name: lock_platform
lock table platform_safety in share row exclusive mode

-- name: insert_platform
insert into platform_safety (version, body, created_at, created_by)
select coalesce(max(version), 0) + 1, $1, clock_timestamp(), $2 from platform_safety

-- name: insert_project
insert into project_safety (project_id, version, body, created_at, created_by)
select $1, coalesce(max(version), 0) + 1, $2, clock_timestamp(), $3 from project_safety where project_id = $1

-- name: insert_decisions
-- A moderator outside may be asked twice about the same work, after a crash: what it said first is kept.
insert into safety_decisions (id, project_id, at, stage, verdict, in_force, categories, policy, moderators, evidence,
                              subject, decided_by, reason, digest, correlation_id, job_id, position, revision,
                              upload_id, artifact_id)
values ($1, $2, coalesce($3, clock_timestamp()), $4, $5, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18, $19)
on conflict do nothing

-- name: decision
-- $2 null: any project (operators).
select * from safety_decisions where id = $1 and ($2::uuid[] is null or project_id = any($2))

-- name: lock_decision
select * from safety_decisions where id = $1 and project_id = $2 for update

-- name: page
-- Newest first; filters that are null do not apply.
select * from safety_decisions d
where ($1::uuid[] is null or d.project_id = any($1))
  and d.id < $2
  and ($3::text is null or d.stage = $3)
  and ($4::text is null or d.in_force = $4)
  and ($5::uuid is null or d.job_id = $5)
  and ($6::boolean is null or (d.appealed_at is not null) = $6)
order by d.id desc
limit $7

-- name: overrides
select id, decision_id, project_id, verdict, reason, decided_by, by_operator, decided_at
from safety_overrides where decision_id = any($1::uuid[]) order by decision_id, decided_at, id

-- name: insert_override
with said as (
    insert into safety_overrides (id, project_id, decision_id, verdict, reason, decided_by, by_operator, decided_at)
    values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
)
update safety_decisions set in_force = $4 where id = $3 and project_id = $2

-- name: next_event
-- Under the decision's lock.
update safety_decisions set sequence = sequence + 1 where id = $1 and project_id = $2
returning sequence, clock_timestamp() as now

-- name: appeal
-- Once: who has appealed cannot say it in other words.
update safety_decisions set appeal = $3, appealed_by = $4, appealed_at = clock_timestamp()
where id = $1 and project_id = $2 and appealed_at is null

-- name: exempt
insert into safety_exemptions (project_id, digest, verdict, decision_id, by_operator, decided_at)
values ($1, $2, $3, $4, $5, clock_timestamp())
on conflict (project_id, digest) do update
set verdict = excluded.verdict, decision_id = excluded.decision_id, by_operator = excluded.by_operator,
    decided_at = excluded.decided_at

-- name: exemptions
select digest, verdict, decision_id, by_operator from safety_exemptions where project_id = $1 and digest = any($2::bytea[])

-- name: uploads_judged
select id, safety from uploads where project_id = $1 and id = any($2::uuid[]) and safety is not null

-- name: takes_away
select exists (select from safety_exemptions where project_id = $1 and verdict = 'block')

-- name: upload_judged
update uploads set safety = $3 where id = $1 and project_id = $2

-- name: insert_unjudged
insert into unjudged (job_id, project_id, position, revision, due_at)
select *, clock_timestamp() from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::smallint[])
on conflict do nothing

-- name: take_unjudged
-- The longest overdue ones, for $1 seconds.
update unjudged u set due_at = clock_timestamp() + make_interval(secs => $1), tries = u.tries + 1
from (select job_id, position, revision, project_id from unjudged where due_at <= clock_timestamp()
      order by due_at limit $2 for update skip locked) due
where (u.job_id, u.position, u.revision, u.project_id) = (due.job_id, due.position, due.revision, due.project_id)
returning u.job_id, u.project_id, u.position, u.revision, u.tries

-- name: postpone_unjudged
update unjudged set due_at = clock_timestamp() + make_interval(secs => $4)
where job_id = $1 and position = $2 and revision = $3

-- name: delete_unjudged
delete from unjudged where job_id = $1 and position = $2 and revision = $3

-- name: unjudged_waiting
select count(*) from unjudged

-- name: artifacts
-- Files of a step revision, those included that a reviewer replaced.
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected, a.replaced_by, a.expired_at, a.withheld
from artifacts a where a.job_id = $1 and a.position = $2 and a.revision = $3 order by a.ordinal

-- name: withhold_revisions
update artifacts a set withheld = x.withheld
from unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::text[]) as x(job_id, position, revision, withheld)
where a.job_id = x.job_id and a.position = x.position and a.revision = x.revision

-- name: withhold_object
-- One file wherever it is referred to in its project: in the job whose folder it is in ($3), and in jobs that took it
-- over.
update artifacts a set withheld = $4
where a.project_id = $2 and a.key = $1 and (a.job_id = $3 or strpos(a.key, a.job_id::text) = 0)
returning a.id

-- name: withhold_files
-- Rare, and goes through the project's library: an index on keys would be written with every version.
update asset_files f set withheld = $3
where f.project_id = $2 and f.key = $1 and f.asset_id in (select id from assets where project_id = $2)
