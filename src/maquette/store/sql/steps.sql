-- name: insert
insert into steps (job_id, position, revision, project_id, step, status, attempt, fence, service, worker,
                   started_at, finished_at, idempotency_key, model, model_version, outputs, metrics, error,
                   reused_from, safety, route_reason)
select * from unnest($1::step_row[])

-- name: change
-- Why it failed after all, and what allowed it, stay as they are where nothing is said of them.
update steps
set status = x.status, error = coalesce(x.error, steps.error), safety = coalesce(nullif(x.safety, ''), steps.safety)
from unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::text[], $5::bytea[], $6::text[])
     as x(job_id, position, revision, status, error, safety)
where steps.job_id = x.job_id and steps.position = x.position and steps.revision = x.revision

-- name: insert_attempts
insert into attempts (job_id, fence, project_id, position, revision, attempt, service, worker, started_at,
                      finished_at, error, reported)
select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::smallint[], $5::smallint[], $6::smallint[],
                     $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::bytea[], $12::boolean[])

-- name: insert_artifacts
insert into artifacts (id, project_id, job_id, position, revision, attempt, ordinal, step, kind, name, media_type,
                       bytes, sha256, key, attributes, selected, withheld)
select * from unnest($1::artifact_row[])

-- name: select_artifacts
update artifacts a set selected = (a.id = any($4::uuid[]))
where a.job_id = $1 and a.position = $2 and a.revision = $3

-- name: replace_artifacts
-- What takes a file's place stands where that stood; what was replaced stays as history.
with gone as (
    update artifacts a set replaced_by = x.id
    from unnest($1::uuid[], $2::uuid[]) as x(original, id)
    where a.id = x.original
    returning a.id, a.ordinal, x.id as heir
)
update artifacts a set ordinal = gone.ordinal from gone where a.id = gone.heir

-- name: insert_decisions
insert into user_decisions (project_id, job_id, position, revision, step, verdict, notes, selection, changes,
                            rewind_to, decided_by, decided_at, replacements)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)

-- name: insert_events
insert into outbox (shard, job_id, sequence, project_id, type, time, correlation_id, data)
select * from unnest($1::outbox_row[])

-- name: current_artifacts
-- Artifacts of a job's current revisions, in order; revisions are one byte a step, uploads stand before the first.
-- What a reviewer replaced is history.
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected, a.replaced_by, a.withheld
from unnest($1::uuid[], $2::bytea[], $3::smallint[]) as x(job_id, revisions, before)
join artifacts a on a.job_id = x.job_id and a.position < x.before
    and (a.position < 0 or a.revision = get_byte(x.revisions, a.position)) and a.replaced_by is null
order by a.job_id, a.position, a.ordinal

-- name: current_records
select s.*
from unnest($1::uuid[], $2::bytea[]) as x(job_id, revisions)
join steps s on s.job_id = x.job_id and s.revision = get_byte(x.revisions, s.position)
order by s.job_id, s.position

-- name: earlier_records
-- Revisions before the given one that ended well, the newest first.
select s.*
from unnest($1::uuid[], $2::smallint[], $3::smallint[]) as x(job_id, position, revision)
join steps s on s.job_id = x.job_id and s.position = x.position and s.revision < x.revision
where s.status in ('done', 'approved') and s.idempotency_key is not null
order by s.job_id, s.revision desc

-- name: revision_artifacts
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected, a.replaced_by, a.withheld
from unnest($1::uuid[], $2::smallint[], $3::smallint[]) as x(job_id, position, revision)
join artifacts a on a.job_id = x.job_id and a.position = x.position and a.revision = x.revision
where a.replaced_by is null
order by a.job_id, a.ordinal

-- name: briefs
select job_id, library_path, prompt, style_version, effective, trace from briefs where job_id = any($1::uuid[])
