-- What a worker does, so that people see which steps nobody does.
alter table workers
    add column services text[] not null default '{}',
    add column steps text[] not null default '{}';
