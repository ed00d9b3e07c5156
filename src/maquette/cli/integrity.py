"""``maquette integrity``: whether database and files agree."""

from typing import TYPE_CHECKING, Annotated

import typer

from maquette.cli.output import CommandError, err, out, print_fields, print_json
from maquette.cli.serving import database_errors
from maquette.settings import load

if TYPE_CHECKING:
    from maquette.services.integrity import Report

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command(rich_help_panel="Run")(integrity)


def integrity(
    deep: Annotated[bool, typer.Option("--deep", help="Read every file and compare its sha256.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Delete files that nothing refers to; never rows.")
    ] = False,
    grace_hours: Annotated[
        float, typer.Option(min=0.0, help="Files younger than this may be on their way; they are left alone.")
    ] = 24.0,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON, for programs.")] = False,
) -> None:
    """Compare files with the database, both ways, and the database with itself. Nothing has to be stopped."""
    import asyncio
    from dataclasses import asdict

    from maquette.services.integrity import Report, check
    from maquette.store.database import Database
    from maquette.supervisor.access import with_database
    from maquette.supervisor.data_dir import with_secrets
    from maquette.wiring.stores import open_objects

    def told(report: Report) -> None:
        if report.objects % 500 == 0 and err().is_terminal:
            err().print(f"[dim]{report.objects:,} files compared …[/dim]", end="\r")

    with with_database(load()) as found, database_errors(found):
        settings = with_secrets(found)

        async def run() -> Report:
            database = await Database.open(settings.direct_url, connections_max=3)
            try:
                return await check(
                    database,
                    open_objects(settings),
                    deep=deep,
                    repair=repair,
                    grace_seconds=grace_hours * 3600,
                    progress=told,
                )
            finally:
                await database.close()

        report = asyncio.run(run())
    if json:
        print_json(asdict(report))
    else:
        _show(report)
    if report.problems:
        raise CommandError(
            f"{report.problems} problems: files or rows are missing or differ.",
            "Restore what is missing from a backup (docs/operations.md); nothing was changed in the database.",
        )


def _show(report: "Report") -> None:
    rows = [
        ("files", f"{report.objects:,} of {report.bytes:,} bytes"),
        ("references", f"{report.references:,}"),
        ("orphans", f"{report.orphans:,} of {report.orphan_bytes:,} bytes" if report.orphans else "none"),
        ("deleted", f"{report.repaired:,}" if report.repaired else ""),
    ]
    print_fields(rows)
    for item in report.findings[:_SHOWN]:
        out().print(f"{item.check}  {item.subject}  {item.detail}", markup=False, soft_wrap=True)
    if len(report.findings) > _SHOWN:
        out().print("… more with --json", style="dim")
    if report.orphans and not report.repaired:
        err().print("[cyan]  → maquette integrity --repair deletes what nothing refers to.[/cyan]")
