"""``maquette``: the root of the command line, and the one place where its errors are told."""

import os
import sys
from typing import Annotated

import typer

from maquette.cli import (
    assets,
    audit,
    backup,
    batches,
    dead_letters,
    demo,
    doctor,
    events,
    integrity,
    jobs,
    keys,
    members,
    projects,
    rulings,
    safety,
    services,
    serving,
    usage,
    webhooks,
)
from maquette.cli.output import CommandError, report
from maquette.settings import SettingsError
from maquette.supervisor.errors import SupervisorError
from maquette.telemetry.otlp import MissingExtra

app = typer.Typer(
    name="maquette",
    help="Briefs in, game-ready assets out: durable pipelines for generative 2D and 3D.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
serving.register(app)
demo.register(app)
doctor.register(app)
integrity.register(app)
backup.register(app)
usage.register(app)
app.add_typer(jobs.app, name="job")
app.add_typer(batches.app, name="batch")
app.add_typer(assets.app, name="asset")
app.add_typer(dead_letters.app, name="dlq")
app.add_typer(projects.app, name="project")
app.add_typer(keys.app, name="key")
app.add_typer(members.app, name="member")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.token_app, name="worker-token")
safety.register(rulings.app)
app.add_typer(rulings.app, name="safety")
app.add_typer(services.app, name="service")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(events.app, name="events")


def _version(wanted: bool) -> None:
    if wanted:
        from maquette import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Briefs in, game-ready assets out: durable pipelines for generative 2D and 3D."""


def run(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 not done (the reason is on standard error), 2 wrong usage or settings, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    try:
        # With --json wrong usage is told as JSON too, so Typer must not tell it itself.
        sys.exit(app(args=arguments, prog_name="maquette", standalone_mode=not as_json) or 0)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # who read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except CommandError as error:
        report(error, as_json=as_json)
    except (SettingsError, MissingExtra) as error:
        report(CommandError(str(error)), as_json=as_json)
        sys.exit(2)
    except SupervisorError as error:
        report(CommandError(str(error)), as_json=as_json)
    except Exception as error:
        told = getattr(error, "format_message", None)  # what Typer raises for wrong usage; it exports no name
        if told is None:
            raise
        report(CommandError(told(), "Add --help to see what the command takes."), as_json=as_json)
        sys.exit(2)
    sys.exit(1)
