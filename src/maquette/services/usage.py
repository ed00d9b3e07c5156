"""Usage: what work did cost, from the ledger."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from datetime import date
from uuid import UUID

from maquette.domain import quota
from maquette.domain.errors import Invalid
from maquette.domain.principal import Principal
from maquette.services.deps import Deps
from maquette.store import quotas, usage
from maquette.store.usage import Key, Spent

DAYS_MAX = 366


async def spent(
    deps: Deps,
    principal: Principal,
    *,
    project: UUID | None,
    since: date | None,
    until: date | None,
    by: Collection[str],
    cursor: str | None,
    limit: int,
) -> tuple[list[Spent], tuple[date, date]]:
    """Return sums of the caller's projects over days in UTC, both included; by default of this month."""
    scope = principal.projects if project is None else [principal.require_project(project)]
    after = None if cursor is None else _key(cursor)
    async with deps.database.tenant(scope) as connection:
        now = await quotas.now(connection)
        until = until or now.date()
        since = since or min(quota.month_start(now).date(), until)
        if not 0 <= (until - since).days <= DAYS_MAX:
            raise Invalid.field(("query", "from"), f"must be up to {DAYS_MAX} days before `to`")
        return await usage.usage(connection, scope, (since, until), by, after, limit), (since, until)


def cursor_of(item: Spent) -> str:
    """Return the cursor of the page that begins after an entry."""
    project, *rest = item.key
    return urlsafe_b64encode(json.dumps([str(project), *rest]).encode()).decode()


def _key(cursor: str) -> Key:
    try:
        project, *texts = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
        day, subject, service = texts
        if all(isinstance(text, str) and text.isprintable() for text in texts):
            return UUID(project), day, subject, service
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise Invalid.field(("query", "cursor"), "must be the next_cursor of a page of this list")
