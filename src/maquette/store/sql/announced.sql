-- name: take_turn
-- One at a time tells a queue; it is let go with the transaction.
select pg_try_advisory_xact_lock(hashtextextended('maquette announces ' || $1, 0))

-- name: forget_taken
-- Hints whose task is no longer in line, or is there anew.
delete from announced a
where a.service = $1 and a.step = any($2::text[])
  and not exists (
      select from ready r
      where r.job_id = a.job_id and r.service = a.service and r.step = a.step and r.tag = a.tag
  )

-- name: forget_old
-- A queue may lose what it holds for too long.
delete from announced
where service = $1 and step = any($2::text[]) and at < clock_timestamp() - make_interval(secs => $3)

-- name: count
select count(*) from announced where service = $1 and step = any($2::text[])

-- name: next
-- The line in its order, without those that were told of. What was told of elsewhere counts for nothing here: where that
-- service has no queue any more, nobody would ever forget it.
select head.job_id, head.project_id, head.step, head.tag
from unnest($2::text[]) as s(step)
cross join lateral (
    select r.job_id, r.project_id, r.step, r.priority, r.tag from ready r
    where r.service = $1 and r.step = s.step and not exists (
        select from announced a
        where a.job_id = r.job_id and a.service = r.service and a.step = r.step and a.tag = r.tag
    )
    order by r.priority desc, r.tag, r.job_id
    limit $3
) head
order by head.priority desc, head.tag, head.job_id
limit $3

-- name: insert
insert into announced (job_id, project_id, service, step, tag, at)
select x.job_id, x.project_id, $1, x.step, x.tag, clock_timestamp()
from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[]) as x(job_id, project_id, step, tag)
on conflict (job_id, project_id) do update
set service = excluded.service, step = excluded.step, tag = excluded.tag, at = excluded.at

-- name: stands
select exists (select from ready where job_id = $1 and tag = $2)

-- name: forget
-- What is just being forgotten, or told anew, is left to who is at it: nobody who has his tasks already waits for that.
delete from announced where job_id in (
    select job_id from announced where job_id = any($1::uuid[]) for update skip locked)
