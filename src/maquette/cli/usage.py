"""``maquette usage``, ``maquette plan`` and ``maquette project quotas``: what may be spent, and what was."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from maquette.cli.arguments import Json, Limit, Project, ProjectArgument, parse_named
from maquette.cli.output import CommandError, out, print_fields, print_json, print_table
from maquette.settings import load

plan_app = typer.Typer(help="Plans: what kinds of customers get; for operators.", no_args_is_help=True)
quotas_app = typer.Typer(help="Quotas: what a project and its users may have.", no_args_is_help=True)

Limits = Annotated[
    list[str] | None,
    typer.Option("--limit", help="NAME=NUMBER, or NAME=none: cost_per_month=50. Again for more."),
]
PerUser = Annotated[
    list[str] | None, typer.Option("--per-user", help="The same, for each user of a project.")
]
By = Annotated[
    list[str] | None,
    typer.Option(help="Sums by `day`, `user` or `service`; again for several. Default: day."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command("usage")(usage)
    app.add_typer(plan_app, name="plan")


def usage(
    project: Annotated[str, typer.Option("--project", help="prj_…; default: all that the key sees.")] = "",
    since: Annotated[str, typer.Option(help="First day, as 2026-11-01; default: of this month.")] = "",
    until: Annotated[str, typer.Option(help="Last day; default: today.")] = "",
    by: By = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Show what was spent, from the ledger."""
    from maquette.cli.client import connect

    given = {"project_id": project, "from": since, "to": until, "by": list(by or [])}
    filters = {name: value for name, value in given.items() if value}
    with connect(load()) as client:
        found = list(client.pages("/usage", limit, **filters))
    if json:
        print_json({"items": found})
        return
    rows = [
        (
            item["project_id"],
            *(item[name] or "" for name in ("day", "user", "service")),
            f"{item['cost']:.2f}",
            f"{item['gpu_seconds']:.0f}",
            item["steps"],
        )
        for item in found
    ]
    names = ("project", "day", "user", "service", "USD", "GPU s", "steps")
    print_table(names, rows, elastic="user", right=("USD", "GPU s", "steps"))


@plan_app.command("list")
def list_plans(json: Json = False) -> None:
    """List the plans."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        answer = client.get("/plans")
    if json:
        print_json({"items": answer["items"]})
        return
    for plan in answer["items"]:
        _print_plan(plan)


@plan_app.command("show")
def show_plan(name: Annotated[str, typer.Argument(help="Its name.")], json: Json = False) -> None:
    """Show a plan."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        plan = client.get(f"/plans/{name}")
    print_json(plan) if json else _print_plan(plan)


@plan_app.command("set")
def set_plan(
    name: Annotated[str, typer.Argument(help="Its name.")],
    limit: Limits = None,
    per_user: PerUser = None,
    json: Json = False,
) -> None:
    """Make a plan, or replace it: in force at once for every project that has it."""
    from maquette.cli.client import connect

    body = {"limits": _limits(limit), "per_user": _limits(per_user)}
    with connect(load()) as client:
        plan = client.put(f"/plans/{name}", body)
    print_json(plan) if json else _print_plan(plan)


@quotas_app.command("show")
def show_quotas(project: ProjectArgument = "", json: Json = False) -> None:
    """Show what a project may have, and what of that is used."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        quotas = client.get(f"/projects/{project_of(settings, project)}/quotas")
    _print_quotas(quotas, as_json=json)


@quotas_app.command("set")
def set_quotas(
    project: Project = "",
    plan: Annotated[str, typer.Option(help="Its plan, or `none`; for operators.")] = "",
    limit: Limits = None,
    per_user: PerUser = None,
    json: Json = False,
) -> None:
    """Set what is named; a list of limits replaces the one before. --plan and --limit are for operators."""
    from maquette.cli.client import connect, project_of

    body: dict[str, Any] = {}
    if plan:
        body["plan"] = None if plan == "none" else plan
    if limit:
        body["limits"] = _limits(limit)
    if per_user:
        body["per_user"] = _limits(per_user)
    if not body:
        raise CommandError("There is nothing to set.", "Name a --plan, a --limit or a limit --per-user.")
    settings = load()
    with connect(settings) as client:
        quotas = client.put(f"/projects/{project_of(settings, project)}/quotas", body)
    _print_quotas(quotas, as_json=json)


def _limits(pairs: list[str] | None) -> dict[str, float | None]:
    return {name: _number(value) for name, value in parse_named(pairs or [], "--limit cost_per_month=50")}


def _number(text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise CommandError(f"{text!r} is no number.", "Such as --limit jobs_per_day=20") from None


def _set(limits: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((name, value) for name, value in limits.items() if value is not None)


def _print_plan(plan: Mapping[str, Any]) -> None:
    out().print(plan["name"], style="bold")
    print_fields(_set(plan["limits"]), indent="  ")
    print_fields(((f"{name} (each user)", value) for name, value in _set(plan["per_user"])), indent="  ")


def _print_quotas(quotas: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(quotas)
        return
    print_fields([("plan", quotas["plan"])])
    rows = [
        (name, "" if value is None else f"{value:g}", f"{quotas['used'].get(name, 0):g}")
        for name, value in quotas["effective"].items()
    ]
    print_table(("limit", "value", "used"), rows, elastic="limit", right=("value", "used"))


def print_rehearsal(told: Mapping[str, Any]) -> None:
    """Print what a dry run told: the estimate by step, and every reason why it would be refused."""
    if estimate := told["estimate"]:
        rows = [
            (item["step"], item["service"], f"{item['cost']:.4f}", f"{item['gpu_seconds']:.0f}")
            for item in estimate["steps"]
        ]
        print_table(("step", "service", "USD", "GPU s"), rows, elastic="step", right=("USD", "GPU s"))
        print_fields([("estimate", f"{estimate['cost']:.4f} {estimate['currency']}")])
    for refusal in told["would_be_refused"]:
        out().print(f"would be refused: {refusal['detail']}", markup=False)
    if told["held_for_safety"]:
        out().print("would be held until a person has judged what it asks for")
