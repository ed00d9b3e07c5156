-- Dead letters in full: what people did about them, whose fence the last attempt had, and whole groups redriven at a pace.

alter table jobs add column attempts_before smallint not null default 0;

-- An open letter has no status: rows of older versions are open.
alter table dead_letters
    add column fence bigint,
    add column status text check (status in ('redriven', 'discarded')),
    add column closed_at timestamptz,
    add column closed_by text,
    add column reason text,
    add constraint closed_when_somebody_did check ((status is null) = (closed_at is null));
create index dead_letters_open on dead_letters (project_id, created_at, id) where status is null;
create index dead_letters_by_time on dead_letters (project_id, created_at, id);

-- A person's order to redrive many, one after the other.
create table redrives (
    id uuid not null,
    project_id uuid not null,
    filter bytea not null,
    per_minute integer not null check (per_minute > 0),
    cap integer not null check (cap > 0),
    created_at timestamptz not null,
    created_by text not null,
    next_at timestamptz not null,
    redriven integer not null default 0,
    refused integer not null default 0,
    reached uuid,
    finished_at timestamptz,
    canceled_by text,
    primary key (id, project_id)
);
create index redrives_due on redrives (next_at) where finished_at is null;
