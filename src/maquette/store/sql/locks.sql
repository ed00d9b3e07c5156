-- name: wait_briefly
set local lock_timeout = '50ms'

-- name: wait_as_ever
set local lock_timeout to default
