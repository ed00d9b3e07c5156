-- Lists go type by type now, and need no index without it. With both, the server had no reason to take the better one:
-- behind a policy it expects one row of a project from either.
drop index jobs_by_project;
drop index assets_by_project;
