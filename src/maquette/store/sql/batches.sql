-- name: insert
-- A key that was used before gives the batch it made then.
insert into batches (id, project_id, key, digest, name, lines, created_at, created_by)
values ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7)
on conflict (project_id, key) do nothing

-- name: by_key
select id, project_id, name, lines, created_at, created_by, digest from batches where project_id = $1 and key = $2

-- name: one
-- $2 null: any project (operators).
select id, project_id, name, lines, created_at, created_by, digest from batches
where id = $1 and ($2::uuid[] is null or project_id = any($2))

-- name: page
select b.id, b.project_id, b.name, b.lines, b.created_at, b.created_by, b.digest
from unnest($1::uuid[]) as mine(project_id)
cross join lateral (
    select * from batches b
    where b.project_id = mine.project_id and b.id < $2
    order by b.id desc
    limit $3
) b
order by b.id desc
limit $3

-- name: counts
-- How the jobs of batches stand.
select b.batch_id, j.status, count(*) as jobs
from briefs b
join jobs j on j.id = b.job_id
where b.batch_id = any($1::uuid[])
group by b.batch_id, j.status

-- name: open_jobs
-- By the batch's briefs: left to itself, the planner read every open job that there is.
select b.job_id as id
from briefs b
cross join lateral (select from jobs j where j.id = b.job_id and j.finished_at is null offset 0) j
where b.batch_id = $1
order by b.job_id
