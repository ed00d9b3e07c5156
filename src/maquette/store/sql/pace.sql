-- name: tell
insert into pace (service, step, minute, replica, done, seconds, began_at)
select x.service, x.step, x.minute, $4, x.done, x.seconds, x.began_at
from unnest($1::text[], $2::text[], $3::bigint[], $5::integer[], $6::double precision[], $7::timestamptz[])
     as x(service, step, minute, done, seconds, began_at)
on conflict (service, step, minute, replica) do update
set done = excluded.done, seconds = excluded.seconds, began_at = least(pace.began_at, excluded.began_at)

-- name: forget
delete from pace where minute < extract(epoch from clock_timestamp()) / 60 - 20

-- name: lately
-- One row at least, for the clock.
select p.*, clock_timestamp() as now
from (select) one
left join (
    select service, step, sum(done)::bigint as done, sum(seconds) as seconds, min(began_at) as began_at
    from pace
    where minute >= (extract(epoch from clock_timestamp()) - $1) / 60
    group by service, step
) p on true
