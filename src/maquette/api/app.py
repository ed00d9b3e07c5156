"""The ASGI app: routers, problems, and the layers around them. Started by ``bootstrap``, the only caller."""

from fastapi import FastAPI
from starlette.middleware import Middleware

import maquette
from maquette.api import (
    assets,
    audit,
    batches,
    context,
    dead_letters,
    events,
    execution,
    files,
    health,
    jobs,
    keys,
    members,
    openapi,
    problems,
    projects,
    quotas,
    retention,
    safety,
    services,
    sinks,
    submission,
    uploads,
    usage,
    webhooks,
)
from maquette.api.arrival import Surroundings
from maquette.api.body import BodyGuard
from maquette.api.edge import Edge
from maquette.api.metrics import Metrics
from maquette.domain.network import parse_networks
from maquette.metrics.installation import QueueCollector, RelayCollector
from maquette.metrics.process import process_registry
from maquette.services.deps import Deps
from maquette.settings import Settings


def build_app(deps: Deps, settings: Settings) -> FastAPI:
    """Return the app over what ``bootstrap`` wired. ``deps`` is handed to the services as it is."""
    metrics = Metrics(process_registry(deps))
    around = Surroundings(parse_networks(settings.trusted_proxies), settings.forwarded_by, deps.tracer)
    readings = (QueueCollector(deps), RelayCollector(deps))
    for collector in readings:
        metrics.registry.register(collector)
    app = FastAPI(
        title=openapi.TITLE,
        description=openapi.DESCRIPTION,
        version=maquette.__version__,
        openapi_tags=openapi.TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would send a body and its credentials twice
        separate_input_output_schemas=False,
        middleware=[
            Middleware(Edge, metrics=metrics, root_path=settings.root_path, around=around),
            Middleware(BodyGuard, bytes_max=settings.body_bytes_max, bulk_bytes_max=settings.bulk_bytes_max),
        ],
    )
    app.state.deps = deps
    app.state.metrics = metrics
    problems.install(app)
    openapi.install(app, settings.root_path)
    nouns = (  # matched in this order: what is asked most comes first
        submission,
        execution,
        jobs,
        batches,
        dead_letters,
        events,
        assets,
        projects,
        context,
        quotas,
        usage,
        retention,
        safety,
        uploads,
        services,
        webhooks,
        sinks,
        keys,
        members,
        audit,
    )
    routers = [noun.router for noun in nouns]
    app.state.readings = readings
    routers.append(health.router(metrics, readings, settings.metrics_token))
    if isinstance(deps.objects, files.SignedObjects):
        routers.append(files.router)
    for router in routers:
        # Not include_router(): matching goes route by route, and an included router costs 10 µs on the way.
        app.router.routes.extend(router.routes)
    return app
