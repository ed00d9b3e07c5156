"""Quotas as people set and see them: plans, limits of projects and users, rates of services."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from maquette.domain import quota, typeid
from maquette.domain import rates as tariff
from maquette.domain.errors import Invalid, NotFound
from maquette.domain.ledger import Amount
from maquette.domain.principal import Principal
from maquette.domain.quota import Plan, Quotas, Terms, Used
from maquette.domain.rates import Rate
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.store import caps, limiting, projects, quotas
from maquette.store.database import Connection

USERS_MAX = 1000
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_SUBJECT = re.compile(r"[!-~]{1,200}", re.ASCII)
_OPEN_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class QuotaView:
    """What a project may have, what it and its users have now."""

    terms: Terms
    used: Used
    users: Mapping[str, Used]
    refused: Mapping[str, int]
    """How often something was refused today, by reason."""


async def plans(deps: Deps) -> Mapping[str, Plan]:
    """Return all plans by name."""
    async with deps.database.connection() as connection:
        return await quotas.plans(connection)


async def plan(deps: Deps, name: str) -> Plan:
    """Return a plan."""
    if not _NAME.fullmatch(name):
        raise NotFound("There is no such plan.")
    async with deps.database.connection() as connection:
        found = await quotas.plan(connection, name)
    if found is None:
        raise NotFound("There is no such plan.")
    return found


async def put_plan(deps: Deps, principal: Principal, name: str, body: Mapping[str, Any]) -> Plan:
    """Make or replace a plan: in force with the next submission of every project that has it."""
    if not _NAME.fullmatch(name):
        raise Invalid.field(("path", "name"), "must be up to 40 lower-case letters, digits and _-")
    made = Plan(
        quota.parse(body.get("limits") or {}, ("limits",)),
        quota.parse(body.get("per_user") or {}, ("per_user",)),
    )
    async with deps.database.transaction() as connection:
        was = await quotas.plan(connection, name)
        await quotas.put_plan(connection, name, made, principal.subject)
        before = None if was is None else _plan_fields(was)
        await audit.record(connection, principal, "put_plan", name, before=before, after=_plan_fields(made))
    return made


async def get(deps: Deps, principal: Principal, project: UUID) -> QuotaView:
    """Return what a project may have and what of that is used."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        return await _view(connection, project)


async def _view(connection: Connection, project: UUID) -> QuotaView:
    found = (await quotas.terms(connection, [project])).get(project)
    if found is None:
        raise NotFound("There is no such project.")
    now = await quotas.now(connection)
    opened = await quotas.count_open(connection, {project: _OPEN_MAX})
    today = await quotas.count_since(connection, [project], quota.day_start(now))
    users = found.quotas.users
    month = await quotas.spent(connection, [project], quota.month_start(now), users)
    theirs = await quotas.count_users_open(connection, [(project, user) for user in users])
    stored = await quotas.stored(connection, [project])
    nothing = Amount()
    whole = Used(
        opened.get(project, 0),
        sum(today.values()),
        month.get((project, None), nothing),
        stored.get((project, None), 0),
        (await caps.running(connection, [project])).get(project, 0),
    )
    each = {
        user: Used(
            theirs.get((project, user), 0),
            today.get((project, user), 0),
            month.get((project, user), nothing),
            stored.get((project, user), 0),
        )
        for user in users
    }
    return QuotaView(found, whole, each, await limiting.refused_today(connection, project))


async def put(deps: Deps, principal: Principal, project: UUID, body: Mapping[str, Any]) -> QuotaView:
    """Set what is named; plan and the project's own limits are for operators. In force with the next submission."""
    principal.require_project(project)
    for name in ("plan", "limits"):
        if name in body:
            principal.require_operator(name)
    users = body.get("users") or {}
    strange = [subject for subject in users if not _SUBJECT.fullmatch(subject)]
    if strange or len(users) > USERS_MAX:
        raise Invalid.field(("users",), f"must be up to {USERS_MAX} subjects of printable ASCII characters")
    given: dict[str, Any] = {
        name: quota.parse(body[name] or {}, (name,)) for name in ("limits", "per_user") if name in body
    }
    if "users" in body:
        given["users"] = {
            subject: quota.parse(limits or {}, ("users", subject)) for subject, limits in users.items()
        }
    if "plan" in body:
        given["plan"] = body["plan"]
        if body["plan"] is not None and not _NAME.fullmatch(body["plan"]):
            raise Invalid.field(("plan",), "must be the name of a plan")
    async with deps.database.transaction() as connection:
        await projects.lock(connection, project)
        found = (await quotas.terms(connection, [project])).get(project)
        if found is None:
            raise NotFound("There is no such project.")
        after: Quotas = replace(found.quotas, **given)
        chosen = await quotas.plan(connection, after.plan) if after.plan is not None else quota.NO_PLAN
        if chosen is None:
            raise Invalid.field(("plan",), f"there is no plan {after.plan!r}")
        quota.check_below(after, chosen)
        await quotas.put_quotas(connection, project, after)
        await audit.record(
            connection,
            principal,
            "put_project_quotas",
            typeid.encode("prj", project),
            project,
            before=_quota_fields(found.quotas),
            after=_quota_fields(after),
        )
        return await _view(connection, project)


async def rates(deps: Deps, service: str) -> Mapping[str, Rate]:
    """Return what steps cost on a service, by step; nothing for one that is free."""
    _check_service(service)
    async with deps.database.connection() as connection:
        return (await quotas.tariff(connection)).get(service, {})


async def put_rates(
    deps: Deps, principal: Principal, service: str, given: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Rate]:
    """Set what steps cost on a service: for jobs submitted from now on."""
    _check_service(service)
    checked = tariff.check(given)
    async with deps.database.transaction() as connection:
        was = (await quotas.tariff(connection)).get(service)
        await quotas.put_rates(connection, service, checked, principal.subject)
        before, after = (
            None if item is None else {step: asdict(rate) for step, rate in item.items()}
            for item in (was, checked)
        )
        await audit.record(connection, principal, "put_service_rates", service, before=before, after=after)
    return checked


def _plan_fields(plan: Plan) -> dict[str, Any]:
    return {"limits": quota.shown(plan.limits), "per_user": quota.shown(plan.per_user)}


def _quota_fields(held: Quotas) -> dict[str, Any]:
    return {
        "plan": held.plan,
        "limits": quota.shown(held.limits),
        "per_user": quota.shown(held.per_user),
        "users": {subject: quota.shown(limits) for subject, limits in held.users.items()},
    }


def _check_service(service: str) -> None:
    if not _NAME.fullmatch(service):
        raise Invalid.field(("path", "name"), "must be up to 40 lower-case letters, digits and _-")
