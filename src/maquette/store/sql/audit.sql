-- name: insert
insert into audit (id, at, project_id, subject, kind, act, object, before, after, request_id, address)
values ($1, clock_timestamp(), $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: page
-- Newest first; filters that are null do not apply. Ids grow with time.
select id, at, project_id, subject, kind, act, object, before, after, request_id, address from audit
where ($1::uuid is null or project_id = $1)
  and id < $2
  and ($3::text is null or subject = $3) and ($4::text is null or act = $4) and ($5::text is null or object = $5)
order by id desc
limit $6

-- name: forget
-- The one way that entries go: by their age, in the transaction that says so.
with told as materialized (select set_config('maquette.audit_retention', 'on', true))
delete from audit where exists (select from told) and at < clock_timestamp() - make_interval(days => $1)
