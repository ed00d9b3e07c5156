-- name: insert
insert into projects (id, name, created_at, created_by, open_jobs_max)
values ($1, $2, clock_timestamp(), $3, $4)

-- name: first
select id from projects where archived_at is null order by id limit 1

-- name: change
update projects set name = coalesce($2, name), open_jobs_max = coalesce($3, open_jobs_max),
    weight = coalesce($4, weight)
where id = $1 and archived_at is null

-- name: contexts
-- Projects with the newest version of everything a job pins.
select p.id, p.name, p.created_at, p.created_by, p.open_jobs_max, p.weight,
       coalesce(s.version, 0) as style_version, s.body as style,
       coalesce(c.version, 0) as constraints_version, c.body as constraints,
       coalesce(g.version, 0) as gates_version, g.gates, g.policies,
       coalesce(r.version, 0) as routes_version, r.body as routes,
       coalesce(t.version, 0) as retries_version, t.body as retries
from projects p
left join lateral (select * from project_styles s where s.project_id = p.id order by version desc limit 1) s on true
left join lateral (select * from project_gates g where g.project_id = p.id order by version desc limit 1) g on true
left join lateral (select * from project_documents d where d.project_id = p.id and d.kind = 'constraints'
                   order by version desc limit 1) c on true
left join lateral (select * from project_documents d where d.project_id = p.id and d.kind = 'routes'
                   order by version desc limit 1) r on true
left join lateral (select * from project_documents d where d.project_id = p.id and d.kind = 'retries'
                   order by version desc limit 1) t on true
where p.id = any($1::uuid[]) and p.archived_at is null

-- name: page
select p.id from projects p
where ($1::uuid[] is null or p.id = any($1)) and p.id < $2 and p.archived_at is null
order by p.id desc
limit $3

-- name: lock
select id from projects where id = $1 and archived_at is null for update

-- name: insert_upload
insert into uploads (id, project_id, name, media_type, bytes, sha256, key, created_at, created_by)
values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp(), $8)
returning created_at

-- name: uploads
select id, project_id, name, media_type, bytes, sha256, key, created_at, found, refused from uploads
where id = any($1::uuid[]) and ($2::uuid[] is null or project_id = any($2))

-- name: found
update uploads set found = $3 where id = $1 and project_id = $2

-- name: refuse_upload
update uploads set refused = $3 where id = $1 and project_id = $2
