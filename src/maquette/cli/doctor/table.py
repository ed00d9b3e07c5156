"""The checks in the order in which a person would look."""

from collections.abc import Callable, Sequence

from maquette.cli.doctor import api, database, directory, identity, machine, store
from maquette.cli.doctor.finding import Finding
from maquette.cli.doctor.scene import Scene

CHECKS: Sequence[tuple[str, Callable[[Scene], Finding]]] = (
    ("Python", machine.python),
    ("settings", machine.settings),
    ("variables", machine.variables),
    ("data directory", directory.data_directory),
    ("disk", directory.disk),
    ("secrets", directory.secrets),
    ("leftovers", directory.leftovers),
    ("PostgreSQL", machine.programs),
    ("studio", machine.studio),
    ("port", machine.port),
    ("database", database.reachable),
    ("schema", database.schema),
    ("events", database.events),
    ("identity", identity.providers),
    ("objects", store.objects),
    ("API", api.reachable),
    ("version", api.version),
    ("clocks", api.clocks),
    ("key", api.key),
    ("workers", api.workers),
    ("files", api.files),
)
