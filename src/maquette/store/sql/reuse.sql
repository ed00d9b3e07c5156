-- name: file
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
