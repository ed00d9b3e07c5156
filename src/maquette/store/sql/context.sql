-- name: version
-- $3 null: the newest.
select version, body, gates, policies, created_at, created_by from project_versions
where project_id = $1 and kind = $2 and ($3::integer is null or version = $3)
order by version desc
limit 1

-- name: page
select version, created_at, created_by from project_versions
where project_id = $1 and kind = $2 and ($3::integer is null or version < $3)
order by version desc
limit $4

-- name: insert_style
insert into project_styles (project_id, version, body, reference_ids, created_at, created_by)
values ($1, $2, $3, $4, clock_timestamp(), $5)

-- name: insert_gates
insert into project_gates (project_id, version, gates, policies, created_at, created_by)
values ($1, $2, $3, $4, clock_timestamp(), $5)

-- name: insert_document
insert into project_documents (project_id, kind, version, body, created_at, created_by)
values ($1, $2, $3, $4, clock_timestamp(), $5)
