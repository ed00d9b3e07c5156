"""Outcomes to the server, whatever it thinks of one among them."""

import logging

import msgspec

from maquette.wire import Claim, Outcome, OutcomesAnswer, OutcomesRequest, OutcomeVerdict
from maquette.worker.client import Client
from maquette.worker.errors import Refused

logger = logging.getLogger("maquette.worker")

#: Statuses that object to the body: too large, or something in it is malformed.
_ABOUT_THE_BODY = frozenset({400, 413, 422})
REFUSED_CODE = "outcome_refused"


async def deliver(client: Client, outcomes: list[Outcome], claim: Claim | None) -> OutcomesAnswer:
    """Send outcomes until each has its verdict.

    A request that is refused for its body is halved until the offender is alone; this one is then reported as
    a failed attempt, so that its job learns of it at once and its neighbours lose nothing. Raises Refused for
    what is no outcome's fault, such as a token that was revoked.
    """
    try:
        return await client.report(OutcomesRequest(outcomes=outcomes, claim=claim))
    except Refused as error:
        if error.status not in _ABOUT_THE_BODY:
            raise
        logger.warning("%s (%d outcomes)", error, len(outcomes))
        if len(outcomes) == 1:
            return await _deliver_refused(client, outcomes[0], error)
    middle = len(outcomes) // 2
    halves = [await deliver(client, half, None) for half in (outcomes[:middle], outcomes[middle:])]
    return OutcomesAnswer(verdicts=[verdict for half in halves for verdict in half.verdicts])


async def _deliver_refused(client: Client, outcome: Outcome, error: Refused) -> OutcomesAnswer:
    if outcome.error_code == REFUSED_CODE:
        # Even the bare failure is not taken: without a heartbeat that lists it, the lease runs out.
        verdict = OutcomeVerdict(
            task_id=outcome.task_id, fence=outcome.fence, verdict="rejected", error=str(error)
        )
        return OutcomesAnswer(verdicts=[verdict])
    failed = msgspec.structs.replace(
        outcome,
        status="failed",
        artifacts=[],
        outputs={},
        error_class="invalid",
        error_code=REFUSED_CODE,
        error_message=str(error),
    )
    return await deliver(client, [failed], None)
