-- name: reserve
-- Assets are locked by (project, path), after jobs and tasks; the row lock makes version numbers gap-free.
insert into assets (id, project_id, library_path, type, name, latest, created_at, style_version, search)
select x.id, x.project_id, x.library_path, x.type, x.name, 1, x.created_at, x.style_version,
       to_tsvector('simple', x.words)
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::integer[], $8::text[])
     as x(id, project_id, library_path, type, name, created_at, style_version, words)
order by x.project_id, x.library_path
on conflict (project_id, library_path) do update
set latest = assets.latest + 1, type = excluded.type, style_version = excluded.style_version,
    search = excluded.search
returning id, project_id, library_path, latest

-- name: insert_versions
insert into asset_versions (asset_id, version, project_id, job_id, status, metadata, lineage, created_at)
select * from unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[], $7::bytea[],
                     $8::timestamptz[])

-- name: insert_files
insert into asset_files (asset_id, version, ordinal, project_id, artifact_id, name, role, media_type, bytes, sha256,
                         key, withheld)
select * from unnest($1::asset_file_row[])

-- name: page
-- Newest first; $2 is the last id of the page before. Filters that are null do not apply. One range of the index a type.
-- The page is cut before versions are joined: a merge of both from the newest on read 50,000 versions for the thousandth.
with page as materialized (
    select a.id, a.project_id, a.type, a.name, a.library_path, a.latest
    from unnest($3::text[]) as kind(type)
    cross join lateral (
        select * from assets a
        where a.project_id = $1 and a.type = kind.type and a.id < $2
          and ($4::text is null or a.library_path = $4 or starts_with(a.library_path, $4 || '/'))
          and ($5::text is null or a.search @@ plainto_tsquery('simple', $5))
          and ($7::integer is null or a.style_version = $7)
        order by a.id desc
        limit $6
    ) a
    order by a.id desc
    limit $6
)
select a.*, v.version, v.status, v.job_id, v.metadata, v.lineage, v.created_at
from page a
join asset_versions v on v.asset_id = a.id and v.version = a.latest
order by a.id desc

-- name: visible
select id from assets where id = any($1::uuid[]) and project_id = $2

-- name: version
-- $3 null: the latest.
select a.id, a.project_id, a.type, a.name, a.library_path, a.latest, v.version, v.status, v.job_id, v.metadata,
       v.lineage, v.created_at
from assets a
join asset_versions v on v.asset_id = a.id and v.version = coalesce($3, a.latest)
where a.id = $1 and ($2::uuid[] is null or a.project_id = any($2))

-- name: files
select f.asset_id, f.version, f.artifact_id, f.name, f.role, f.media_type, f.bytes, f.sha256, f.key, f.withheld
from unnest($1::uuid[], $2::integer[]) as x(asset_id, version)
join asset_files f using (asset_id, version)
order by f.asset_id, f.version, f.ordinal
