-- name: say
select pg_notify(x.channel, x.text) from unnest($1::text[], $2::text[]) as x(channel, text)
