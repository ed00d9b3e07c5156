"""Webhooks: endpoints that a project's events are sent to, their secrets, and the log of what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from maquette.domain import typeid, webhook
from maquette.domain.errors import Conflict, Invalid, NotFound, QuotaExceeded
from maquette.domain.events import Event, EventType, timestamp
from maquette.domain.principal import Principal
from maquette.domain.text import NAME, clean
from maquette.domain.webhook import Signing
from maquette.outbound import Policy, Refused
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import deliveries, reading, steps, webhooks
from maquette.store.database import Connection
from maquette.store.deliveries import Delivery
from maquette.store.webhooks import Disabled, Webhook

BY_HAND = "disabled by hand"
RESTORED = "restored from a backup: the installation that was backed up may be sending still"


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint and its newest secret, for the one time that it is shown."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class ProjectSecret:
    """The newest secret that signs what is sent to the ``webhook_url`` of a project's jobs."""

    signing: Signing
    secret: str


def check_url(policy: Policy, url: str, loc: tuple[str, ...]) -> str:
    """Return the URL as it was given; ``Invalid`` when the guarded client would refuse it whatever it leads to."""
    try:
        policy.check_url(url)
    except Refused as refused:
        raise Invalid.field(loc, str(refused), "url") from None
    return url


async def create(
    deps: Deps, principal: Principal, project: UUID, *, url: str, name: str, events: Sequence[str]
) -> WithSecret:
    """Make an endpoint of a project; its secret is shown this once."""
    principal.require_project(project)
    check_url(deps.outbound, url, ("url",))
    name = clean(name, NAME, ("name",))
    wanted = webhook.check_events(events)
    key = new_id()
    async with deps.database.transaction() as connection:
        if not await webhooks.lock_project(connection, project):
            raise NotFound("There is no such project.")
        if await webhooks.count(connection, project) >= webhook.WEBHOOKS_MAX:
            raise QuotaExceeded(
                f"The project has {webhook.WEBHOOKS_MAX} webhooks already: delete one that is not needed."
            )
        await webhooks.insert(
            connection, key, project, url=url, name=name, events=wanted, by=principal.subject
        )
        made = await _found(connection, principal, key)
        await _record(connection, principal, "create_webhook", made, after=_audited(made))
        return _with_secret(deps, made)


async def _record(
    connection: Connection,
    principal: Principal,
    act: str,
    item: Webhook,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    named = typeid.encode("whk", item.id)
    await audit.record(connection, principal, act, named, item.project_id, before=before, after=after)


def _audited(item: Webhook) -> dict[str, Any]:
    # Of the address the host: receivers like to put what opens them into the rest.
    return {"host": urlsplit(item.url).hostname, "name": item.name, "events": list(item.events)}


def _with_secret(deps: Deps, item: Webhook) -> WithSecret:
    text = webhook.shown(webhook.secret(deps.webhook_key, item.id, item.signing.version))
    return WithSecret(item, text)


async def _found(connection: Connection, principal: Principal, key: UUID, *, lock: bool = False) -> Webhook:
    item = await webhooks.get(connection, key, principal.memberships, lock=lock)
    if item is None:
        raise NotFound("There is no such webhook.")
    principal.require_project(item.project_id)
    return item


async def get(deps: Deps, principal: Principal, key: UUID) -> Webhook:
    """Return an endpoint; ``NotFound`` when it is missing or another project's."""
    async with deps.database.tenant(principal.memberships) as connection:
        return await _found(connection, principal, key)


async def list_webhooks(
    deps: Deps,
    principal: Principal,
    *,
    project: UUID | None,
    job: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[Webhook]:
    """Return a project's endpoints, or a job's own one, newest first."""
    scope = principal.projects if project is None else [principal.require_project(project)]
    async with deps.database.tenant(scope) as connection:
        if job is not None and await reading.job(connection, job, scope) is None:
            raise NotFound("There is no such job.")
        return await webhooks.page(connection, scope, job=job, before=before, limit=limit)


async def change(
    deps: Deps,
    principal: Principal,
    key: UUID,
    *,
    url: str | None,
    name: str | None,
    events: Sequence[str] | None,
) -> Webhook:
    """Change what is not None. What is pending goes to the new URL; the filter is for events from now on."""
    if url is not None:
        check_url(deps.outbound, url, ("url",))
    if name is not None:
        name = clean(name, NAME, ("name",))
    wanted = None if events is None else webhook.check_events(events)
    async with deps.database.transaction() as connection:
        item = await _found(connection, principal, key, lock=True)
        if item.job_id is not None and wanted:
            raise Conflict("The webhook of a job is sent all events of the job.")
        await webhooks.change(connection, key, url, name, wanted)
        now = await _found(connection, principal, key)
        await _record(
            connection, principal, "change_webhook", item, before=_audited(item), after=_audited(now)
        )
        return now


async def rotate(deps: Deps, principal: Principal, key: UUID, overlap_seconds: int) -> WithSecret:
    """Make a new secret, shown this once; the old one signs, too, until the overlap ends."""
    async with deps.database.transaction() as connection:
        item = await _found(connection, principal, key, lock=True)
        if item.job_id is not None:
            raise Conflict("A job's webhook is signed with its project's secret: rotate that one.")
        signing = _rotated(item.signing, await webhooks.now(connection), overlap_seconds)
        await webhooks.rotate(connection, key, signing, overlap_seconds)
        await _record(
            connection, principal, "rotate_webhook_secret", item, after={"version": signing.version}
        )
        return _with_secret(deps, await _found(connection, principal, key))


def _rotated(signing: Signing, now: datetime, overlap_seconds: int) -> Signing:
    """Return the next version; what signs now goes on signing, so that a lost answer locks nobody out."""
    version, signs = signing.version + 1, signing.versions(now)
    if overlap_seconds and len(signs) >= webhook.SIGNATURES_MAX:
        raise Conflict(
            f"{len(signs)} secrets sign already, until {timestamp(signing.overlap_until or now)}: wait, or "
            "rotate with an overlap of 0, which ends all older ones at once."
        )
    until = now + timedelta(seconds=overlap_seconds)
    return Signing(version, signs[0] if overlap_seconds else version, until)


async def rotate_project(
    deps: Deps, principal: Principal, project: UUID, overlap_seconds: int
) -> ProjectSecret:
    """Make a new secret for the ``webhook_url`` of the project's jobs, shown this once."""
    principal.require_project(project)
    async with deps.database.transaction() as connection:
        if not await webhooks.lock_project(connection, project):
            raise NotFound("There is no such project.")
        signing = await webhooks.project_signing(connection, project)
        signing = _rotated(signing, await webhooks.now(connection), overlap_seconds)
        await webhooks.rotate_project(connection, project, signing, overlap_seconds)
        await audit.record(
            connection,
            principal,
            "rotate_project_webhook_secret",
            typeid.encode("prj", project),
            project,
            after={"version": signing.version},
        )
    text = webhook.shown(webhook.secret(deps.webhook_key, project, signing.version))
    return ProjectSecret(signing, text)


async def delete(deps: Deps, principal: Principal, key: UUID) -> None:
    """Delete an endpoint: nothing more is sent to it. Its log goes a little later."""
    async with deps.database.transaction() as connection:
        item = await _found(connection, principal, key, lock=True)
        await webhooks.delete(connection, key, await webhooks.now(connection))
        await _record(connection, principal, "delete_webhook", item, before=_audited(item))


async def set_enabled(deps: Deps, principal: Principal, key: UUID, *, enabled: bool) -> Webhook:
    """Enable an endpoint for what happens from now on, or disable it and drop what is pending."""
    async with deps.database.transaction() as connection:
        item = await _found(connection, principal, key, lock=True)
        if enabled and item.disabled_at is not None:
            await deliveries.drop_pending(connection, [key], await webhooks.now(connection))
            await webhooks.enable(connection, key)
        elif not enabled and item.disabled_at is None:
            await disable(connection, key, await webhooks.now(connection), BY_HAND)
        await _record(connection, principal, "enable_webhook" if enabled else "disable_webhook", item)
        return await _found(connection, principal, key)


async def disable(connection: Connection, key: UUID, at: datetime, reason: str) -> bool:
    """Disable an endpoint, drop what is pending, and record the event that tells of it."""
    disabled = await webhooks.disable(connection, key, at, reason)
    if disabled is None:
        return False
    await steps.insert_events(connection, [_disabled(key, disabled, at, reason)])
    return True


async def disable_restored(connection: Connection) -> int:
    """Disable all endpoints of a restored installation, whose receivers may hear of it once only; return how many."""
    at = await webhooks.now(connection)
    disabled = await webhooks.disable_all(connection, at, RESTORED)
    await steps.insert_events(connection, [_disabled(key, item, at, RESTORED) for key, item in disabled])
    return len(disabled)


def _disabled(key: UUID, disabled: Disabled, at: datetime, reason: str) -> Event:
    return Event(
        stream_id=key,
        project_id=disabled.project_id,
        sequence=disabled.sequence,
        type=EventType.WEBHOOK_DISABLED,
        time=at,
        correlation_id=str(key),
        data={
            "reason": reason,
            "failing_since": None if disabled.failing_since is None else timestamp(disabled.failing_since),
        },
    )


async def test(deps: Deps, principal: Principal, key: UUID) -> UUID:
    """Record a ``WebhookTest`` for this endpoint alone; return its event's id, which the log will show."""
    async with deps.database.transaction() as connection:
        item = await _found(connection, principal, key, lock=True)
        if item.disabled_at is not None:
            raise Conflict("The webhook is disabled: enable it first.")
        sequence, at = await webhooks.next_sequence(connection, key)
        event = Event(
            stream_id=key,
            project_id=item.project_id,
            sequence=sequence,
            type=EventType.WEBHOOK_TEST,
            time=at,
            correlation_id=str(key),
            data={"by": principal.subject},
        )
        await steps.insert_events(connection, [event])
        await _record(connection, principal, "test_webhook", item)
    return typeid.derive(key, sequence)


async def list_deliveries(
    deps: Deps, principal: Principal, key: UUID, *, status: str | None, before: UUID | None, limit: int
) -> list[Delivery]:
    """Return what was and will be sent to an endpoint, newest first."""
    async with deps.database.tenant(principal.memberships) as connection:
        await _found(connection, principal, key)
        return await deliveries.page(connection, key, status=status, before=before, limit=limit)


async def redeliver(deps: Deps, principal: Principal, key: UUID, delivery: UUID) -> Delivery:
    """Send an event once more, now, whatever became of it; a schedule of its own begins."""
    async with deps.database.transaction() as connection:
        item = await _found(connection, principal, key, lock=True)
        if item.disabled_at is not None:
            raise Conflict("The webhook is disabled: enable it first.")
        await deliveries.redeliver(connection, key, delivery)
        found = await deliveries.get(connection, key, delivery)
        if found is None:
            raise NotFound("There is no such delivery.")
        await _record(
            connection,
            principal,
            "redeliver_webhook",
            item,
            after={"delivery": typeid.encode("whd", delivery)},
        )
    return found
