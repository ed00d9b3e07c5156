-- name: insert_key
insert into api_keys (id, project_id, kind, name, subject, secret_hash, role, scopes, services, created_at, created_by,
                      expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), $10, $11)

-- name: credential
select id, project_id, kind, subject, role, scopes, services, secret_hash, previous_hash, previous_until, expires_at,
       clock_timestamp() as now
from api_keys
where id = $1 and revoked_at is null

-- name: keys
select id, project_id, name, subject, role, scopes, services, created_at, created_by, expires_at, revoked_at, last_used_at,
       previous_until
from api_keys
where kind = $1 and project_id is not distinct from $2 and id < $3
order by id desc
limit $4

-- name: key
select id, project_id, name, subject, role, scopes, services, created_at, created_by, expires_at, revoked_at, last_used_at,
       previous_until
from api_keys
where id = $1 and kind = $2 and project_id is not distinct from $3

-- name: lock_key
select id from api_keys
where id = $1 and kind = $2 and project_id is not distinct from $3 and revoked_at is null
      and (expires_at is null or expires_at > clock_timestamp())
for update

-- name: live_keys
-- Locks them: whoever counts what is left must not be overtaken. In order of id, as all who lock several.
select id from api_keys
where kind = $1 and project_id is not distinct from $2 and revoked_at is null
      and (expires_at is null or expires_at > clock_timestamp())
order by id
for update

-- name: rotate_key
update api_keys
set previous_hash = case when $3::float8 > 0 then secret_hash end,
    previous_until = case when $3::float8 > 0 then clock_timestamp() + make_interval(secs => $3) end,
    secret_hash = $2
where id = $1

-- name: revoke_key
update api_keys set revoked_at = clock_timestamp(), previous_hash = null, previous_until = null
where id = $1 and kind = $2 and project_id is not distinct from $3 and revoked_at is null

-- name: used
-- A row that another process is writing is left to it: both say the same minute.
update api_keys k set last_used_at = u.at
from (
    select k.id, u.at from unnest($1::uuid[], $2::timestamptz[]) u (id, at) join api_keys k on k.id = u.id
    where k.last_used_at is null or k.last_used_at < u.at
    for update of k skip locked
) u
where k.id = u.id

-- name: seen
insert into people (subject, issuer, external_id, email, seen_at)
select subject, issuer, external_id, email, seen_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
         u (subject, issuer, external_id, email, seen_at)
order by subject
on conflict (subject) do update
set email = coalesce(excluded.email, people.email), seen_at = greatest(people.seen_at, excluded.seen_at)

-- name: roles
select project_id, role from members where subject = $1

-- name: members
select m.project_id, m.subject, m.role, m.added_at, m.added_by, p.issuer, p.external_id, p.email, p.seen_at
from members m left join people p on p.subject = m.subject
where m.project_id = $1
order by m.subject

-- name: put_members
insert into members (project_id, subject, role, added_at, added_by)
select $1, subject, role, clock_timestamp(), $4 from unnest($2::text[], $3::text[]) u (subject, role)
on conflict (project_id, subject) do update set role = excluded.role

-- name: remove_members
delete from members where project_id = $1 and subject = any($2::text[])
