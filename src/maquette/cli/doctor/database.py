"""Checks of the database."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from maquette.cli.doctor.finding import Finding, broken, ok, skipped, warning
from maquette.cli.doctor.scene import Scene
from maquette.store.diagnosis import COUNT_MAX, Diagnosis

_VERSION_MIN = 150000
#: Longer than any relay that works leaves an event lying.
_BACKLOG_SECONDS_MAX = 60.0


def _asked(scene: Scene) -> Diagnosis | Finding:
    if not scene.database_url:
        if scene.settings.url and not scene.state:
            return skipped("not needed here: MAQUETTE_URL names an API elsewhere")
        return skipped("the embedded one runs under `maquette up`, which does not run here")
    found = scene.database
    return found if isinstance(found, Diagnosis) else skipped("the database cannot be asked")


def reachable(scene: Scene) -> Finding:
    """Look whether it answers and is new enough."""
    asked = _asked(scene)
    if scene.database_url and isinstance(scene.database, str):
        place = urlsplit(scene.database_url)
        name = f"{place.hostname or 'the local socket'}{f':{place.port}' if place.port else ''}{place.path}"
        do = (
            "Check MAQUETTE_DATABASE_URL and that the server runs."
            if scene.settings.direct_url
            else "Start `maquette up` again; its log and postgres/server.log say why it ended."
        )
        return broken(f"{name}: {scene.database}", do)
    if isinstance(asked, Finding):
        return asked
    version = f"PostgreSQL {asked.version // 10_000}.{asked.version % 10_000}"
    if asked.version < _VERSION_MIN:
        return broken(f"{version} is too old: 15 is needed", "Upgrade the server.")
    return ok(f"{version} answers")


def schema(scene: Scene) -> Finding:
    """Is the schema this version's: older, newer or edited ones are named as such."""
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    standing = asked.schema
    if standing.edited:
        return broken(
            f"{', '.join(standing.edited)} was applied with other contents: another version's database",
            "Run the version that made it, or another database.",
        )
    if standing.unknown:
        return broken(
            f"newer than this version: it has {', '.join(standing.unknown)}",
            "Install the newer Maquette that migrated it.",
        )
    if standing.missing:
        return broken(
            f"older than this version: it lacks {', '.join(standing.missing)}", "Run `maquette migrate`."
        )
    if asked.wall.hidden:
        return broken(
            f"{asked.wall.hidden} tables are hidden from who connects: he is not their owner",
            "Connect as the role that ran `maquette migrate`.",
        )
    if asked.wall.remedy is not None:
        return broken(
            f"the role {asked.wall.role}, which tenants' reads run as, is missing or not granted",
            f"Run `maquette migrate`, or as one who may make roles: {asked.wall.remedy}",
        )
    return ok("this version's")


def events(scene: Scene) -> Finding:
    """Do events get out."""
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    backlog = asked.backlog
    if backlog is None:
        return skipped("the schema is not this version's")
    age = 0.0 if backlog.oldest is None else (asked.now - backlog.oldest).total_seconds()
    count = f"{backlog.events:,}" + ("+" if backlog.events >= COUNT_MAX else "")
    if age > _BACKLOG_SECONDS_MAX:
        why = "no relay is alive" if backlog.relays == 0 else f"{backlog.relays} relays are alive"
        return broken(
            f"{count} events wait in the outbox, the oldest for {age:.0f} s; {why}",
            "Is `maquette maintain` running? Its log says what keeps it.",
        )
    orphans = [sink for sink in sorted(backlog.unserved) if backlog.sinks.get(sink)] if backlog.relays else []
    if orphans:
        count = f"{backlog.sinks[orphans[0]]:,}"
        return warning(
            f"{orphans[0]} is owed {count} events, and no `maquette maintain` has it in its settings",
            f"Switch it on again, or remove it: `maquette events forget {orphans[0]}`.",
        )
    if backlog.parked:
        sink, number = next(iter(backlog.parked.items()))
        return warning(f"{sink} can never take {number:,} events", f"See `maquette events parked {sink}`.")
    stuck = [f"{sink} ({count:,})" for sink, count in backlog.sinks.items() if count >= COUNT_MAX]
    if stuck:
        error = next(iter(backlog.errors.values()), "")
        return warning(f"sinks are far behind: {', '.join(stuck)}; {error}", "See what the sink answers.")
    return ok(f"{count} on their way out")


def ahead(scene: Scene) -> float | None:
    """How far the database's clock is ahead of ours (s); None when it cannot be asked."""
    asked = _asked(scene)
    return None if isinstance(asked, Finding) else (asked.now - datetime.now(UTC)).total_seconds()
