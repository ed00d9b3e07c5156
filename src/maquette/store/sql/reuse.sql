-- name: file
-- With what it was done, where that is news: who waits for this work would not find it before the next board is told.
-- Nobody waits for who is telling another version of it: boards tell it, too.
with news as (
    select distinct on (x.service, x.step) x.*, m.model_version as known
    from unnest($6::text[], $7::text[], $8::text[]) as x(service, step, model_version)
    left join service_models m on (m.service, m.step) = (x.service, x.step)
    where x.model_version is distinct from m.model_version
    order by x.service, x.step
), free as (
    select m.service, m.step from service_models m join news on (news.service, news.step) = (m.service, m.step)
    for update of m skip locked
), changed as (
    update service_models m set model_version = news.model_version, seen_at = clock_timestamp()
    from news join free on (free.service, free.step) = (news.service, news.step)
    where (m.service, m.step) = (news.service, news.step)
), first as (
    insert into service_models (service, step, model_version, seen_at)
    select service, step, model_version, clock_timestamp() from news where known is null
    on conflict do nothing
)
insert into reuse_keys (project_id, key, job_id, position, revision)
select * from unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::smallint[], $5::smallint[])
on conflict do nothing

-- name: models
select service, step, model_version from service_models where service = any($1::text[]) and step = any($2::text[])

-- name: tell_models
insert into service_models (service, step, model_version, seen_at)
select x.service, x.step, x.model_version, clock_timestamp()
from unnest($1::text[], $2::text[], $3::text[]) as x(service, step, model_version)
order by x.service, x.step
on conflict (service, step) do update set model_version = excluded.model_version, seen_at = excluded.seen_at
where service_models.model_version <> excluded.model_version

-- name: equal
-- For each key the newest step of another job that ended well, was allowed by the policies that hold now, and has all
-- its files as its service made them. Few are looked at: where the newest are all unfit, the work is done again.
select x.asker, s.*,
       (select count(*) from artifacts a
        where a.job_id = s.job_id and a.position = s.position and a.revision = s.revision) as files
from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::smallint[], $5::bigint[], $6::text[], $7::text[])
     as x(asker, project_id, key, position, seed, service, safety)
cross join lateral (
    select s.* from (
        (select k.job_id, k.position, k.revision from reuse_keys k
         where k.project_id = x.project_id and k.key = x.key
         order by k.job_id desc limit 16)
        union all
        (select f.job_id, f.position, f.revision from briefs b join steps f on f.job_id = b.job_id
         where b.project_id = x.project_id and b.drawn_seed = x.seed and f.position = x.position
           and f.idempotency_key = encode(x.key, 'hex')
         limit 16)
    ) k
    join steps s on s.job_id = k.job_id and s.position = k.position and s.revision = k.revision
    join jobs j on j.id = s.job_id and j.project_id = s.project_id
    where s.project_id = x.project_id and s.job_id <> x.asker and s.position = x.position
      and s.status in ('done', 'approved') and s.service = x.service and s.safety = x.safety
      and not exists (
        select from artifacts a
        where a.job_id = s.job_id and a.position = s.position and a.revision = s.revision
          and (a.replaced_by is not null or a.expired_at is not null or a.withheld is not null
               or exists (select from doomed_objects d where d.key = a.key and d.project_id = a.project_id)))
    order by s.finished_at desc limit 1
) s

-- name: try_lock
-- Two batches must not both find nobody at work on equal steps and begin: the second one leaves its own in the queue.
select x.digest, pg_try_advisory_xact_lock(hashtextextended('maquette.equal.' || encode(x.digest, 'hex'), 0)) as held
from unnest($1::bytea[]) as x(digest)

-- name: in_flight
-- Who does such steps right now, for anybody to take: behind a gate the result is nobody's until it is approved. Leases are
-- few and an index on what each step changes would make all of their updates non-HOT, so they are all read.
select l.job_id, l.service, l.inputs_digest as digest
from leases l join jobs j on j.id = l.job_id and j.project_id = l.project_id
where l.inputs_digest = any($2::bytea[]) and l.project_id = any($1::uuid[]) and not l.canceling
  and j.gates >> j.position & 1 = 0
order by l.job_id

-- name: follow
insert into followers (job_id, project_id, leader_id, digest)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[])
on conflict (job_id, project_id) do update set leader_id = excluded.leader_id, digest = excluded.digest

-- name: unfollow
delete from followers where job_id = any($1::uuid[])

-- name: left_alone
-- Followers whose leader does not do that step any more: ended well or badly, canceled, lost, or waiting for its retry.
select f.job_id from followers f
where not exists (
    select from leases l
    where l.job_id = f.leader_id and l.project_id = f.project_id and l.inputs_digest = f.digest and not l.canceling)
order by f.job_id
limit $1

-- name: forget_followers
-- The version before knows nothing of this table: what it canceled is still here. Whoever holds a job again waits for its
-- row first, so nothing new is deleted.
with going as materialized (
    select id from jobs where id = any($1::uuid[]) and holds & $2::smallint = 0 for update skip locked
)
delete from followers f using going where f.job_id = going.id

-- name: leaders
select job_id, leader_id from followers where job_id = any($1::uuid[])
