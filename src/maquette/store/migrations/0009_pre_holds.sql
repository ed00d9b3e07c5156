-- Jobs are held for more reasons than a person's pause: one bit each, in the order of domain/job.py's Hold. Nothing is
-- filled in: a paused job without a bit was paused by a person, whichever version wrote it.
alter table jobs add column holds smallint not null default 0;
