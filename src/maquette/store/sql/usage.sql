-- name: usage
-- What was spent, by day, user and service, from the sums and what is fresh; after a key, in its order.
select * from (
    select t.project_id, case when $4 then t.day end as day, case when $5 then t.subject end as subject,
           case when $6 then t.service end as service,
           sum(t.micros)::bigint as micros, sum(t.gpu_ms)::bigint as gpu_ms, sum(t.steps)::bigint as steps
    from (
        select project_id, day, subject, service, micros, gpu_ms, steps from ledger_days
        where ($1::uuid[] is null or project_id = any($1)) and day between $2 and $3
        union all
        select project_id, (at at time zone 'utc')::date, subject, service, micros, gpu_ms, 1 from ledger_fresh
        where settled and ($1::uuid[] is null or project_id = any($1))
          and (at at time zone 'utc')::date between $2 and $3
    ) t
    group by 1, 2, 3, 4
) g
where $7::uuid is null
   or (g.project_id, coalesce(g.day::text, ''), coalesce(g.subject, ''), coalesce(g.service, '')) > ($7, $8::text, $9::text, $10::text)
order by g.project_id, coalesce(g.day::text, ''), coalesce(g.subject, ''), coalesce(g.service, '')
limit $11
