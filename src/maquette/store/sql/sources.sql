-- name: artifacts
-- What an asset version shows, as its job's steps made it.
select a.id, a.job_id, a.position, a.revision, a.attempt, a.step, a.kind, a.name, a.media_type, a.bytes, a.sha256,
       a.key, a.attributes, a.selected, a.replaced_by, a.withheld
from asset_files f
join artifacts a on a.id = f.artifact_id
where f.asset_id = $1 and f.version = $2
order by a.position, a.ordinal

-- name: records
-- A version never changes, and neither do the revisions its files are of.
select s.* from steps s
where s.job_id = $1
  and (s.position, s.revision) in (select x.position, x.revision from unnest($2::smallint[], $3::smallint[])
                                   as x(position, revision))
