-- Fair share: where a task stands in virtual time (domain/fair.py), what it takes of it, and how far that has come.
alter table projects add column weight smallint not null default 1 check (weight between 1 and 100);

-- The default is the stride of weight 1: what tasks have that were put there by an older version.
alter table ready add column stride bigint not null default 1000000;
create index ready_by_project on ready (project_id, service, priority, tag);

alter table leases
    add column tag bigint not null default 0,
    add column stride bigint not null default 1000000;

-- The tag that started last; what each process saw, put together a few times a second.
create table clocks (
    service text not null,
    priority smallint not null,
    tag bigint not null,
    primary key (service, priority)
) with (fillfactor = 50);
