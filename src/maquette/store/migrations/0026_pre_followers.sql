-- Jobs that wait for equal work that another job of the same project is doing.

-- There as long as the job is held for it (its REUSE hold): written and deleted with that, under the job's lock. Whoever
-- leads is told apart from what he does afterwards by the digest of the inputs. Which leads have ended is asked of
-- leases by their primary key, so the table needs no other index: it is as small as what waits.
create table followers (
    job_id uuid not null,
    project_id uuid not null,
    leader_id uuid not null,
    digest bytea not null,
    primary key (job_id, project_id)
);
select guard_tenant_table('followers');
