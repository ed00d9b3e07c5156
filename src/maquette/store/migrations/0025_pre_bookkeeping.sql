-- How far an order to redrive has come: the letter at its cursor may be gone before it goes on.
alter table redrives add column reached_at timestamptz;

-- What is reserved for a job that waits for room, and whose it is: who asks whether it fits must not count it twice.
alter table blocked
    add column subject text not null default '',
    add column micros bigint not null default 0,
    add column gpu_ms bigint not null default 0;
create index blocked_by_project on blocked (project_id);
