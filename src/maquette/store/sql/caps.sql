-- name: capped
-- Projects with a cap on tasks that run at once.
select p.id from projects p left join plans l on l.name = p.plan
where (p.limits_tasks or p.plan is not null) and (p.limits_tasks or l.limits_tasks) and p.archived_at is null

-- name: lock
-- Who gives out tasks of a capped project does so alone, until he commits. In order of id, and before this transaction
-- holds another such lock.
select pg_advisory_xact_lock(hashtextextended('maquette.cap.' || id, 0))
from (select unnest($1::uuid[]) as id order by 1) ordered

-- name: try_lock
select id, pg_try_advisory_xact_lock(hashtextextended('maquette.cap.' || id, 0)) as held
from unnest($1::uuid[]) as id

-- name: running
-- Counted, never kept in a counter that a crash could leak.
select project_id, count(*) as running from leases where project_id = any($1::uuid[]) group by project_id

-- name: put_aside
-- Out of the line, under the jobs' locks, which nobody is waited for. One index range of each project.
with found as (
    select r.job_id from unnest($1::uuid[]) as x(project_id)
    cross join lateral (
        select r.job_id from ready r join jobs j on j.id = r.job_id
        where r.project_id = x.project_id
        limit $2
        for update of r, j skip locked
    ) r
), gone as (
    delete from ready r using found f where r.job_id = f.job_id
    returning r.job_id, r.project_id, r.service, r.step, r.priority, r.tag
)
insert into capped (job_id, project_id, service, step, priority, tag)
select * from gone

-- name: take_back
-- As many as may be begun: what the project may have less what runs and what is in line, from the head of its own line.
-- $2: its cap, or what may come back at once where it has none.
with room as (
    select x.project_id, greatest(0, x.cap
        - (select count(*) from leases l where l.project_id = x.project_id)
        - (select count(*) from (select from ready r where r.project_id = x.project_id limit x.cap) r)) as free
    from unnest($1::uuid[], $2::bigint[]) as x(project_id, cap)
), back as (
    select c.job_id from room
    cross join lateral (
        select c.job_id from capped c join jobs j on j.id = c.job_id
        where c.project_id = room.project_id
        order by c.priority desc, c.tag, c.job_id
        limit room.free
        for update of c, j skip locked
    ) c
)
delete from capped c using back b where c.job_id = b.job_id
returning c.job_id, c.project_id, c.service, c.step, c.priority, c.tag

-- name: waiting_projects
-- One index probe for each project that has tasks aside.
with recursive p as (
    (select project_id from capped order by project_id limit 1)
    union all
    select (select c.project_id from capped c where c.project_id > p.project_id order by c.project_id limit 1)
    from p where p.project_id is not null
)
select project_id from p where project_id is not null
