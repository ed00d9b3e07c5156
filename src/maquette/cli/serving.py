"""Commands that run Maquette: ``up`` and the processes it is made of, migrations, and what describes them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from maquette import settings as configuration
from maquette.cli import settings_page
from maquette.cli.arguments import Json
from maquette.cli.output import CommandError, err, out, print_fields, print_json
from maquette.settings import Settings, SettingsError
from maquette.settings.queue import parse_lines
from maquette.telemetry.logs import configure
from maquette.telemetry.redaction import secrets_of

if TYPE_CHECKING:
    from maquette.supervisor.installation import Credentials
    from maquette.worker.source import Source


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (up, serve, maintain, worker, migrate):
        app.command(rich_help_panel="Run")(command)
    app.command(rich_help_panel="Describe")(openapi)
    app.command(rich_help_panel="Describe")(asyncapi)
    app.command("settings", rich_help_panel="Describe")(show_settings)


def prepare(settings: Settings) -> "Credentials":
    """Bring the database up to date and make the first project, key and worker token; idempotent."""
    import asyncio

    from maquette.store.migrate import migrate as apply
    from maquette.wiring.provision import provision

    async def run() -> "Credentials":
        await apply(settings.direct_url)
        return await provision(settings)

    with database_errors(settings):
        return asyncio.run(run())


def up(json: Json = False) -> None:
    """Run everything: embedded PostgreSQL, API, maintenance and studio workers, until stopped."""
    from maquette.supervisor.installation import Installation, StoppedError

    settings = configuration.load()
    _configure_logs(settings, "up")
    try:
        with Installation(settings, prepare=prepare) as installation:
            access = installation.access
            if json:
                print_json({"url": access.url, "api_key": access.api_key, "project_id": access.project_id})
            else:
                _welcome(settings, access.url, access.api_key, access.project_id)
            while not installation.stop_requested:
                installation.tend(3600.0)
            if not json:
                err().print("[dim]stopping …[/dim]")
    except StoppedError as stopped:
        raise CommandError(str(stopped)) from None


def _welcome(settings: Settings, url: str, api_key: str, project_id: str) -> None:
    out().print("[bold green]✔ Maquette is up[/bold green]")
    rows = [("API", url), ("key", api_key), ("project", project_id), ("data", settings.data_dir)]
    print_fields(rows, indent="  ")
    out().print(
        '\n  [dim]try[/dim]  maquette job submit "a rusty robot courier" --watch\n  [dim]Ctrl-C stops everything[/dim]'
    )


def serve() -> None:
    """Run the API."""
    from maquette import bootstrap

    settings = _with_database(_settings_of_process("api"))
    with database_errors(settings):
        bootstrap.serve(settings)


def maintain() -> None:
    """Run the maintenance loops."""
    from maquette import bootstrap

    settings = _with_database(_settings_of_process("maintenance"))
    with database_errors(settings):
        bootstrap.maintain(settings)


def worker(
    role: Annotated[Literal["generation", "processing"], typer.Option(help="Which steps to do.")],
    slots: Annotated[
        int, typer.Option(min=0, max=256, help="Tasks at once; 0: as the settings have it.")
    ] = 0,
) -> None:
    """Run a studio worker against MAQUETTE_URL, with MAQUETTE_WORKER_TOKEN."""
    import asyncio

    from maquette.studio import roles
    from maquette.supervisor.data_dir import read_state
    from maquette.telemetry.otlp import tracing
    from maquette.telemetry.tracer import Tracer
    from maquette.worker import Refused, Worker
    from maquette.worker.source_sqs import Unusable

    settings = _settings_of_process(f"worker {role}")
    state = None if settings.url else read_state(settings.data_dir)
    handlers, slots_set = {
        "generation": (roles.GENERATION, settings.worker_slots_generation),
        "processing": (roles.PROCESSING, settings.worker_slots_processing),
    }[role]

    source = None
    if any(line.service == roles.SERVICE for line in parse_lines(settings.sqs_services)):
        source = _source(settings, roles.SERVICE, set(handlers))

    async def run(tracer: Tracer) -> None:
        await Worker(
            settings.url or (state.url if state else settings.local_url),
            settings.worker_token,
            roles.SERVICE,
            handlers,
            capacity=slots or slots_set,
            workdir=settings.data_dir / "work",
            grace_seconds=settings.drain_seconds,
            tracer=tracer,
            source=source,
        ).run()

    try:
        with tracing(
            settings.otlp_endpoint, settings.otlp_headers, settings.trace_ratio, f"worker {role}"
        ) as tracer:
            asyncio.run(run(tracer))
    except Unusable as unusable:
        raise SettingsError(f"MAQUETTE_SQS_SERVICES is set, but {unusable}") from None
    except Refused as refused:
        raise CommandError(
            f"The API refused this worker: {refused}", "Check MAQUETTE_WORKER_TOKEN."
        ) from None


def _source(settings: Settings, service: str, steps: set[str]) -> "Source":
    """Return the queue that a worker of these steps hears of its tasks from."""
    from maquette.worker.source_sqs import SqsSource

    for line in parse_lines(settings.sqs_services):
        if line.service == service and set(line.steps) <= steps:
            name = settings.sqs_prefix + line.queue
            return SqsSource(name, endpoint=settings.sqs_endpoint_url, region=settings.sqs_region)
    raise SettingsError(
        f"MAQUETTE_SQS_SERVICES has no queue of {service} for a worker that does {', '.join(sorted(steps))}. Name one with "
        f"these steps or some of them: {service}/{'+'.join(sorted(steps))}."
    )


def migrate(json: Json = False) -> None:
    """Bring the database of MAQUETTE_DATABASE_URL to this version's schema."""
    import asyncio

    from maquette.store.migrate import migrate as apply

    settings = _with_database(configuration.load())
    with database_errors(settings):
        applied = asyncio.run(apply(settings.direct_url))
    if json:
        print_json({"applied": applied})
    else:
        out().print("\n".join(f"applied {name}" for name in applied) or "The schema is up to date.")


def openapi(
    importer: Annotated[
        Literal["aws-api-gateway"] | None,
        typer.Option("--for", help="Write it as this importer reads it, instead of OpenAPI 3.1."),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="With --for: where the importer passes requests on to, `https://…`.")
    ] = "",
) -> None:
    """Print the API's OpenAPI document."""
    from maquette import bootstrap
    from maquette.api.openapi_gateway import for_api_gateway

    document = bootstrap.openapi()
    if importer is None:
        print_json(document)
        return
    try:
        print_json(for_api_gateway(document, backend))
    except ValueError as error:
        raise CommandError(f"--backend: {error}.") from None


def asyncapi() -> None:
    """Print the AsyncAPI document of all events."""
    from maquette import __version__
    from maquette.domain.asyncapi import document

    print_json(document(__version__))


def show_settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the documentation page.")] = False,
    json: Json = False,
) -> None:
    """Show every setting with the value that holds here."""
    if markdown:
        sys.stdout.write(settings_page.markdown())
        return
    settings = configuration.load()
    values = {
        info.variable: "set"
        if info.secret and getattr(settings, info.name)
        else str(getattr(settings, info.name))
        for info in settings_page.documented()
    }
    if json:
        print_json(values)
    else:
        print_fields((variable, value or "(not set)") for variable, value in values.items())


def _with_database(settings: Settings) -> Settings:
    if not settings.direct_url:
        raise CommandError(
            "MAQUETTE_DATABASE_URL is not set: this command works on a database of yours.",
            "`maquette up` brings its own and does all by itself.",
        )
    return settings


def _settings_of_process(process: str) -> Settings:
    from maquette.supervisor.data_dir import with_secrets

    settings = with_secrets(configuration.load())
    _configure_logs(settings, process)
    return settings


def _configure_logs(settings: Settings, process: str) -> None:
    configure(
        settings.log_format, settings.log_level, process, secrets_of(configuration.secret_values(settings))
    )


@contextmanager
def database_errors(settings: Settings) -> Iterator[None]:
    """Turn what a database can refuse with into an error that names the server, and never the password."""
    import asyncpg

    from maquette.domain.errors import MaquetteError, Unavailable

    place = urlsplit(settings.direct_url)
    name = f"{place.hostname or 'the local socket'}{f':{place.port}' if place.port else ''}{place.path}"
    advice = "Check MAQUETTE_DATABASE_URL and that the server runs."
    try:
        yield
    except Unavailable as error:
        raise CommandError(f"{error.message} It is {name}.", advice) from None
    except MaquetteError as error:
        raise CommandError(error.message) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error) or type(error).__name__
        raise CommandError(f"The database at {name} cannot be used: {reason}.", advice) from error
