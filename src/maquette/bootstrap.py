"""The composition root: settings → adapters → services → ASGI app and loops. Nothing else wires."""

import asyncio
import contextlib
import gc
import logging
import math
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
from prometheus_client import CollectorRegistry

from maquette.adapters.identity_oidc import OidcProvider
from maquette.adapters.moderator_http import HttpModerator
from maquette.adapters.moderator_rules import RulesModerator
from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.queue_sqs import SqsQueue
from maquette.domain.oidc import Claims, parse_algorithms, parse_grants, parse_issuers
from maquette.domain.retention import Policy
from maquette.maintenance.announcer import Announcer
from maquette.maintenance.breakers import BreakerLoop
from maquette.maintenance.gates import GateKeeper
from maquette.maintenance.loop import LoopCollector
from maquette.maintenance.partitions import Partitions
from maquette.maintenance.quotas import QuotaKeeper
from maquette.maintenance.redrives import RedriveLoop
from maquette.maintenance.relay import Relay
from maquette.maintenance.replays import ReplayLoop
from maquette.maintenance.retention import RetentionLoop
from maquette.maintenance.reuse import FollowerLoop
from maquette.maintenance.safety import Judging
from maquette.maintenance.staging import StagingSweeper
from maquette.maintenance.sweeper import Sweeper
from maquette.maintenance.webhooks import WebhookLoop
from maquette.metrics.installation import Readable
from maquette.metrics.process import process_registry
from maquette.metrics.sending import sending, shown
from maquette.outbound import Outbound
from maquette.outbound import Policy as OutboundPolicy
from maquette.ports import ObjectStore, TaskQueue
from maquette.services.deps import Deps, Limits
from maquette.services.follow import Hub
from maquette.services.limiter import Limiter
from maquette.services.moderation import Moderation
from maquette.services.notices import Notices
from maquette.services.principals import Authenticator
from maquette.services.tariff import Tariff
from maquette.services.transactor import LANES, Transactor
from maquette.settings import Settings, SettingsError
from maquette.settings.checks import parse_listen
from maquette.settings.queue import parse_lines
from maquette.store.database import Database
from maquette.telemetry.otlp import tracing
from maquette.telemetry.tracer import OFF, Tracer
from maquette.wiring.sinks import open_sinks
from maquette.wiring.stores import local_objects, open_cdn, open_objects
from maquette.worker.source_sqs import Unusable, sqs_client

_LOG = logging.getLogger(__name__)
_DEFAULT_PROJECT = "default"
#: Retention and partitions have statements that take longer than any request should wait.
_UPKEEP_SECONDS_MAX = 60.0


@contextlib.asynccontextmanager
async def open_deps(
    settings: Settings,
    objects: ObjectStore | None = None,
    *,
    statement_seconds_max: float | None = None,
    tracer: Tracer = OFF,
) -> AsyncIterator[Deps]:
    """Open everything a process needs and close it in order; the schema must be this version's.

    ``statement_seconds_max`` is for reads and administrative writes; None is what the settings have for requests.
    """
    objects = objects or open_objects(settings)
    cdn = open_cdn(settings, objects)
    database = await Database.open(
        settings.database_url,
        connections_max=max(settings.database_connections_max - LANES - bool(settings.listen_url), 1),
        wait_seconds=settings.database_wait_seconds,
        statement_seconds_max=statement_seconds_max or settings.database_timeout_seconds,
        pooler=settings.database_pooler,
    )
    transactor = Transactor(database, statement_seconds_max=settings.database_timeout_seconds)
    seconds = settings.database_timeout_seconds
    notices = Notices(transactor, settings.listen_url, statement_seconds_max=seconds)
    hub = Hub(database)
    closing = contextlib.AsyncExitStack()
    provider = await _identity_provider(settings, closing)
    deps = Deps(
        database=database,
        transactor=transactor,
        objects=objects,
        cdn=cdn,
        hub=hub,
        identity=Authenticator(database, settings.worker_token, provider),
        moderation=Moderation(database, RulesModerator(), await _moderator_outside(settings, closing)),
        tariff=Tariff(database),
        limiter=Limiter(database),
        outbound=OutboundPolicy.parse(settings.outbound_allow),
        webhook_key=settings.webhook_key.encode(),
        tracer=tracer,
        limits=_limits(settings),
    )
    try:
        await deps.ready()
        transactor.listen(hub.committed)
        await transactor.start()
        notices.start()
        await hub.start()
        deps.identity.start()
        await deps.limiter.start()
        yield deps
    finally:
        await deps.limiter.stop()
        await deps.identity.stop()
        await closing.aclose()
        await hub.stop()
        await notices.stop()
        await transactor.stop()
        await database.close()


def _limits(settings: Settings) -> Limits:
    return Limits(
        heartbeat_seconds=settings.heartbeat_seconds,
        lease_seconds=settings.lease_seconds,
        attempt_seconds_max=settings.attempt_seconds_max,
        url_ttl_seconds=settings.url_ttl_seconds,
        upload_bytes_max=settings.upload_bytes_max,
        open_jobs_max=settings.open_jobs_max,
        poll_seconds_max=settings.poll_seconds_max,
        retention=Policy(
            events_days=settings.retention_events_days,
            artifacts_days=settings.retention_artifacts_days,
            jobs_days=settings.retention_jobs_days,
            uploads_days=settings.retention_uploads_days,
            request_keys_days=settings.retention_request_keys_days,
        ),
    )


async def _identity_provider(settings: Settings, closing: contextlib.AsyncExitStack) -> OidcProvider | None:
    """Return who believes tokens of OpenID providers, if any is set; ``closing`` ends it."""
    issuers = parse_issuers(settings.oidc_issuers)
    if not issuers:
        return None
    outbound = await closing.enter_async_context(Outbound(OutboundPolicy.parse(settings.outbound_allow)))
    provider = OidcProvider(
        outbound,
        issuers,
        algorithms=parse_algorithms(settings.oidc_algorithms),
        leeway_seconds=settings.oidc_leeway_seconds,
        claims=Claims(settings.oidc_subject_claim, settings.oidc_groups_claim),
        grants=parse_grants(settings.oidc_operator_groups, settings.oidc_role_groups),
    )
    closing.push_async_callback(provider.close)
    return provider


async def _moderator_outside(settings: Settings, closing: contextlib.AsyncExitStack) -> HttpModerator | None:
    """Return the moderator outside, if one is set; ``closing`` ends its connections."""
    if not settings.moderator_url:
        return None
    outbound = await closing.enter_async_context(Outbound(OutboundPolicy.parse(settings.outbound_allow)))
    return HttpModerator(
        outbound,
        settings.moderator_url,
        api_key=settings.moderator_api_key,
        model=settings.moderator_model,
        seconds_max=settings.moderator_timeout_seconds,
    )


async def issuer_problems(settings: Settings) -> list[str]:
    """Ask each OpenID provider of the settings for its keys; return what is wrong, a line each."""
    async with contextlib.AsyncExitStack() as closing:
        provider = await _identity_provider(settings, closing)
        return await provider.problems() if provider is not None else []


def _tracing(settings: Settings, process: str) -> contextlib.AbstractContextManager[Tracer]:
    return tracing(settings.otlp_endpoint, settings.otlp_headers, settings.trace_ratio, process)


@contextlib.contextmanager
def _shown(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    with contextlib.ExitStack() as closing:
        if listen := settings.metrics_listen:
            try:
                closing.enter_context(shown(parse_listen(listen), registry, settings.metrics_token))
            except OSError as error:
                raise SettingsError(
                    f"MAQUETTE_METRICS_LISTEN: nothing can listen at {listen}: {error}."
                ) from None
        yield


def _sending(
    settings: Settings, process: str, registry: CollectorRegistry, readings: Sequence[Readable] = ()
) -> contextlib.AbstractAsyncContextManager[None]:
    return sending(
        settings.otlp_endpoint,
        settings.otlp_headers,
        settings.otlp_metrics_seconds,
        process,
        registry,
        readings,
    )


class _Server(uvicorn.Server):
    """Lets those who wait (long polls, event streams) go, then waits for what is under way to end."""

    def __init__(self, config: uvicorn.Config, let_go: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._let_go = let_go

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals without sending them on: the base class dies of them before anything is closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # the base class has logged the reason
            place = f"{self.config.host} port {self.config.port}"
            raise SettingsError(f"MAQUETTE_HOST, MAQUETTE_PORT: nothing can listen on {place}.") from None

    async def shutdown(self, sockets: Any = None) -> None:
        await self._let_go()
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Run the API until a signal; requests under way finish."""
    # Here, not above: FastAPI and the API's shapes are half of what this module loads, and maintenance (0.6 s of CPU
    # to start instead of 1.4) has no use for them.
    from maquette.api.app import build_app
    from maquette.api.connection import Connection

    async def run(tracer: Tracer) -> None:
        async with open_deps(settings, tracer=tracer) as deps:

            async def let_go() -> None:
                await deps.hub.stop()
                deps.transactor.drain()

            # What start-up made stays for good: the collector need not look at it again. With the default
            # threshold, collecting took 11 % of the CPU per step (397 against 355 µs with it off).
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, 20, 20)
            app = build_app(deps, settings)
            config = uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop="none",
                http=Connection,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # it believes whatever connects from this machine: api/arrival.py does not
                timeout_keep_alive=75,
                timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
                backlog=1024,
            )
            registry, readings = app.state.metrics.registry, app.state.readings
            async with _sending(settings, "api", registry, readings):
                await _Server(config, let_go).serve()

    with _tracing(settings, "api") as tracer:
        _run(run(tracer))


@contextlib.asynccontextmanager
async def _task_queue(settings: Settings) -> AsyncIterator[TaskQueue]:
    """Open the queue that workers hear of tasks from."""
    connecting = sqs_client(endpoint=settings.sqs_endpoint_url, region=settings.sqs_region)
    try:
        client = await connecting.__aenter__()
    except Unusable as error:
        raise SettingsError(f"MAQUETTE_SQS_SERVICES is set, but {error}") from None
    try:
        yield SqsQueue(client, settings.sqs_prefix)
    finally:
        await connecting.__aexit__(None, None, None)


def maintain(settings: Settings) -> None:
    """Run the maintenance loops until a signal."""

    async def run(tracer: Tracer) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        patience = max(settings.database_timeout_seconds, _UPKEEP_SECONDS_MAX)
        async with (
            open_deps(settings, statement_seconds_max=patience, tracer=tracer) as deps,
            Outbound(deps.outbound) as outbound,
            contextlib.AsyncExitStack() as closing,
        ):
            webhooks = WebhookLoop(deps.database, outbound, deps.webhook_key, tracer)
            sinks = await closing.enter_async_context(open_sinks(settings, deps, webhooks.nudge))
            queued = parse_lines(settings.sqs_services)
            tasks = await closing.enter_async_context(_task_queue(settings)) if queued else None
            registry = process_registry(deps)
            registry.register(LoopCollector())
            closing.enter_context(_shown(settings, registry))
            await closing.enter_async_context(_sending(settings, "maintenance", registry))
            sweepers = [
                Sweeper(deps.database, deps.transactor, settings.lease_seconds).run(),
                GateKeeper(deps.database, deps.transactor).run(),
                QuotaKeeper(deps.database, deps.transactor).run(),
                BreakerLoop(deps.database, deps.transactor).run(),
                FollowerLoop(deps.database, deps.transactor).run(),
                RedriveLoop(deps.database, deps.transactor).run(),
                ReplayLoop(deps.database).run(),
                Relay(deps.database, sinks).run(),
                webhooks.run(),
                Partitions(deps.database).run(),
            ]
            if isinstance(deps.objects, LocalObjects):
                sweepers.append(StagingSweeper(deps.objects).run())
            sweepers.append(Judging(deps.database, deps.transactor, deps.objects, deps.moderation).run())
            sweepers.append(
                RetentionLoop(
                    deps.database,
                    deps.objects,
                    deps.limits.retention,
                    settings.retention_interval_seconds,
                    audit_days=settings.retention_audit_days,
                    sinks_days=settings.retention_sinks_days,
                ).run()
            )
            if tasks is not None:
                sweepers += [
                    Announcer(deps.database, deps.transactor, tasks, line, settings.sqs_ahead).run()
                    for line in queued
                ]
            loops = [asyncio.create_task(sweeper) for sweeper in sweepers]
            waiting = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait([*loops, waiting], return_when=asyncio.FIRST_COMPLETED)
            for task in (*loops, waiting):
                task.cancel()
            await asyncio.gather(*loops, waiting, return_exceptions=True)
            for task in done - {waiting}:
                task.result()

    with _tracing(settings, "maintenance") as tracer:
        _run(run(tracer))


def _run(main: Any) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document; it does not depend on any setting or server."""
    from maquette.api.app import build_app

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), signing_key="only to build the document")
        parts = cast("Deps", SimpleNamespace(objects=local_objects(settings), tracer=OFF))
        document: dict[str, Any] = build_app(parts, settings).openapi()
    return document
