"""What the API, or its silence, means for the person at the keyboard: each error says what to do next."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from maquette.cli.output import CommandError

#: Options by the field of a request that they fill; the others are called like their field.
_OPTIONS = {
    "prompt": "the brief",
    "asset_type": "--type",
    "negative_prompt": "--negative",
    "params": "--param",
    "reference_uploads": "--reference",
    "changes": "--set",
    "selection": "--select",
    "replacements": "--replace",
    "scopes": "--scope",
    "services": "--service",
}
#: What an id's prefix says that it names, and the command that shows it.
_KINDS = {
    "job": ("a job", "maquette job show"),
    "ast": ("an asset", "maquette asset show"),
    "prj": ("a project", "maquette project show"),
    "bat": ("a batch", "maquette batch show"),
}
_ADVICE = {
    401: "Set MAQUETTE_API_KEY to a valid key, or run in the directory of `maquette up`.",
    402: "Ask for a larger budget, or submit something cheaper.",
    403: "This key may not do that: use one that may, such as the operator's in credentials.json.",
    413: "Send less, or raise the limit on the server.",
    500: "This is a defect of the server: its log has the request id.",
    503: "Something that the API needs is away; `maquette doctor` looks at all of it.",
}


class ApiError(CommandError):
    """The API said no; ``details`` is its problem document."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, advice: str = "", retry_after: float | None = None
    ) -> None:
        detail = problem.get("detail") or problem.get("title") or "The API gave no reason."
        super().__init__(
            f"{detail} (HTTP {status})",
            advice or _advice(status, problem, retry_after),
            details=problem if retry_after is None else {**problem, "retry_after_seconds": retry_after},
        )
        self.status = status


class UnreachableError(CommandError):
    """No answer at all."""

    def __init__(self, url: str, error: httpx.TransportError) -> None:
        super().__init__(
            f"No answer from {url}: {str(error) or type(error).__name__}.", _advice_on_silence(error)
        )


def _advice_on_silence(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "Something is there but does not answer: is it busy, stopped, or another program's address?"
    if "refused" in str(error).lower():
        return "Is `maquette up` running? Start it, or set MAQUETTE_URL to where it runs."
    if isinstance(error, httpx.ConnectError):
        return "Check the host, the port and http or https in MAQUETTE_URL, and that the network leads there."
    return "The connection broke; try again. `maquette doctor` looks at what may be wrong."


def _advice(status: int, problem: Mapping[str, Any], retry_after: float | None) -> str:
    if status == 409:
        return _who_decided(problem)
    if status == 422:
        return _which_decision(problem) or _which_options(problem)
    if status == 429:
        wait = f"Wait {retry_after:g} s" if retry_after else "Wait"
        return f"{wait} and try again, or let what is open come to its end."
    return _ADVICE.get(status, "")


def _who_decided(problem: Mapping[str, Any]) -> str:
    path = str(problem.get("instance", "")).strip("/").split("/")
    commands = {"jobs": "job", "safety": "safety", "dead-letters": "dlq"}
    named = next((part for part in path[1:] if part.startswith(("job_", "sdc_", "dlq_"))), "")
    look = f"See maquette {commands[path[0]]} show {named}" if named and path[0] in commands else ""
    won = problem.get("decision")
    if not isinstance(won, Mapping) or "decision" not in won:
        return look or "Read its state again."
    notes = f": {won['notes']!r}" if won.get("notes") else ""
    return (
        f"{won.get('by')} {won.get('decision')} revision {won.get('revision')} of {won.get('step')} "
        f"at {won.get('at')}{notes}. {look}"
    )


def _which_decision(problem: Mapping[str, Any]) -> str:
    decision = problem.get("decision_id")
    return (
        f"See maquette safety show {decision}; maquette safety appeal asks for another." if decision else ""
    )


def _which_options(problem: Mapping[str, Any]) -> str:
    names = []
    for detail in problem.get("details") or []:
        where = [part for part in detail.get("loc", []) if isinstance(part, str)]
        where = where[1:] if where[:1] == ["body"] else where
        if where and where[0] not in {"query", "header"}:
            name = _OPTIONS.get(where[0], f"--{where[0].replace('_', '-')}")
            if name not in names:
                names.append(name)
    return f"Correct {' and '.join(names)}; --help tells what it takes." if names else ""


def closest(wanted: str, ids: Iterable[str]) -> str:
    """Advise on an id that is not there: the nearest of those that are, or what its prefix says."""
    near = difflib.get_close_matches(wanted, list(ids), n=1, cutoff=0.8)
    return f"Did you mean {near[0]}?" if near else ""


def wrong_kind(wanted: str, place: str) -> str:
    """Advise on an id that names something else than what was asked for at ``place`` (``jobs``, ``assets``)."""
    prefix = wanted.partition("_")[0]
    kind = _KINDS.get(prefix)
    expected = {"jobs": "job", "assets": "ast", "projects": "prj", "batches": "bat"}.get(place)
    if kind is None or expected is None or prefix == expected:
        return ""
    return f"That is the id of {kind[0]}: {kind[1]} {wanted}"
