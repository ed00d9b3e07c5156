"""``maquette``: the root of the command line, and the one place where its errors are told."""

import sys
from typing import Annotated

import typer

from maquette.cli import assets, batches, demo, jobs, projects, serving
from maquette.cli.output import CommandError, report
from maquette.settings import SettingsError
from maquette.supervisor.errors import SupervisorError

app = typer.Typer(
    name="maquette",
    help="Briefs in, game-ready assets out: durable pipelines for generative 2D and 3D.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
serving.register(app)
demo.register(app)
app.add_typer(jobs.app, name="job")
app.add_typer(batches.app, name="batch")
app.add_typer(assets.app, name="asset")
app.add_typer(projects.project_app, name="project")
app.add_typer(projects.key_app, name="key")


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
    """Run a command and exit: 0 done, 1 not done (the reason is on standard error), 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    try:
        app(args=arguments, prog_name="maquette")
    except KeyboardInterrupt:
        sys.exit(130)
    except CommandError as error:
        report(error, as_json=as_json)
    except (SettingsError, SupervisorError) as error:
        report(CommandError(str(error)), as_json=as_json)
    sys.exit(1)
