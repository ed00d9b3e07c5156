-- name: standing
-- The role is named after the owner: roles belong to the server, and another installation's owner must not be able to
-- become this one.
select left(current_user, 56) || '_tenant' as role,
       exists (select from pg_roles where rolname = left(current_user, 56) || '_tenant') as made,
       -- Since 16 membership alone does not do: who makes a role may give it away, and not become it.
       coalesce((select pg_has_role(current_user, oid, case when current_setting('server_version_num')::int < 160000
                                                            then 'member' else 'set' end) from pg_roles
                 where rolname = left(current_user, 56) || '_tenant'), false) as granted,
       (select count(*) from pg_class c
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and c.relrowsecurity
          and row_security_active(c.oid)) as hidden

-- name: establish
-- Make the role and become a member of it; what somebody else makes at the same moment is there as well.
do $$
declare
    tenant name := left(current_user, 56) || '_tenant';
begin
    if not exists (select from pg_roles where rolname = tenant) then
        begin
            execute format('create role %I nologin', tenant);
        exception when duplicate_object or unique_violation then null;
        end;
    end if;
    if not pg_has_role(current_user, tenant, case when current_setting('server_version_num')::int < 160000
                                                  then 'member' else 'set' end) then
        begin
            execute format('grant %I to %I', tenant, current_user);
        exception when unique_violation then null;
        end;
    end if;
end
$$

-- name: grant
-- Whole tables where a policy chooses rows; of tables that are nobody's, what tenants' reads join.
do $$
declare
    tenant name := left(current_user, 56) || '_tenant';
    readable record;
begin
    execute format('grant usage on schema %I to %I', current_schema(), tenant);
    for readable in
        select tablename as name from pg_policies
        where schemaname = current_schema() and policyname = 'tenant' and tablename <> 'ready'
        union all
        -- Views that look as whoever asks, and tables that say nothing about anybody.
        select relname from pg_class
        where relnamespace = current_schema()::regnamespace
          and ((relkind = 'v' and reloptions @> array['security_invoker=true'])
               or relname in ('plans', 'rates', 'platform_safety', 'pace'))
    loop
        execute format('grant select on %I to %I', readable.name, tenant);
    end loop;
    execute format('grant select (job_id, service, step, priority, tag) on ready to %I', tenant);
    execute format('grant select (epoch, progress) on workers to %I', tenant);
end
$$
