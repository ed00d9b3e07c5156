"""A dry run: everything that admission decides about a brief, and nothing recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maquette.domain import quota, typeid
from maquette.domain.billing import reserved
from maquette.domain.errors import MaquetteError, NotFound
from maquette.domain.ledger import NOTHING
from maquette.domain.moderation import words
from maquette.domain.principal import Principal
from maquette.domain.quota import NEW_JOB, Asked
from maquette.domain.ruling import Stage
from maquette.services.deps import Deps
from maquette.services.moderation import blocked
from maquette.services.room import look
from maquette.services.submission import Prepared, prepare
from maquette.services.uploads import require_usable
from maquette.services.webhooks import check_url
from maquette.store import quotas


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a brief would come to, and everything that it would be refused for."""

    prepared: Prepared | None
    """None when the brief itself is wrong: then there is nothing to estimate."""
    refused: Sequence[MaquetteError]
    held: bool
    """The job would be held until a person has judged what it asks for."""
    asked: Sequence[Asked]
    """What it takes of each limit that is set."""


async def rehearse(deps: Deps, principal: Principal, wish: Mapping[str, Any]) -> Rehearsal:
    """Return what submitting the brief would do now. Files that come with it are judged only when it is submitted."""
    project = principal.require_project(typeid.decode("prj", wish["project_id"]))
    refused: list[MaquetteError] = []
    prepared, held = None, False
    if wish.get("webhook_url") is not None:
        try:
            check_url(deps.outbound, wish["webhook_url"], ("webhook_url",))
        except MaquetteError as error:
            refused.append(error)
    try:
        prepared = await prepare(deps, project, wish, None)
    except NotFound:
        raise
    except MaquetteError as error:
        refused.append(error)
    if prepared is not None:
        held = await _judge(deps, principal, prepared, refused)
    wanted = NOTHING if prepared is None else reserved(prepared.job)
    async with deps.database.connection() as connection:
        terms = await quotas.terms(connection, [project])
        if project not in terms:
            raise NotFound("There is no such project.")
        now = await quotas.now(connection)
        room = await look(connection, terms, [(project, principal.subject)], now, jobs=True, costs=True)
    asked = room.asked(project, principal.subject, replace(NEW_JOB, amount=wanted))
    refused += [quota.refusal(item) for item in asked if item.too_much]
    return Rehearsal(prepared, refused, held, asked)


async def _judge(deps: Deps, principal: Principal, prepared: Prepared, refused: list[MaquetteError]) -> bool:
    """Add what the brief would be refused for; return whether it would be held."""
    for loc, item in prepared.brought:
        try:
            await require_usable(deps, item, loc)
        except MaquetteError as error:
            refused.append(error)
    if prepared.above_max_cost is not None:
        refused.append(prepared.above_max_cost)
    job = prepared.job
    told = words(job.asset_type, prepared.admitted.effective)
    judged = await deps.moderation.judge(job.project_id, Stage.PROMPT, told)
    if judged.verdict == "block":
        refused.append(blocked(judged.ruling(job.project_id, principal.subject), ("prompt",)))
    return judged.verdict == "hold"
