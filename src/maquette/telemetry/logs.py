"""Logs of a process, on standard error: text for people or JSON lines for machines; the ids that hold, and no secret."""

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from maquette.telemetry.ids import bound
from maquette.telemetry.redaction import Redact, redacted, redactor

Form = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """One JSON object a line; what a record carries as ``fields`` is merged in, and the ids that hold."""

    def __init__(self, process: str, redact: Redact) -> None:
        super().__init__()
        self.process = process
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a JSON object."""
        entry = {
            "ts": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self.process,
            "logger": record.name,
            "message": record.getMessage(),
            **bound(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(redacted(entry, self._redact), ensure_ascii=False)


class TextLines(logging.Formatter):
    """For people: a line an entry, and what it says cannot begin another one or steer a terminal."""

    def __init__(self, process: str, redact: Redact) -> None:
        super().__init__(f"%(asctime)s %(levelname)-7s {process}: %(message)s", datefmt="%H:%M:%S")
        self._redact = redact

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        """Write the entry's own line; a traceback comes below it."""
        record.message = "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in record.message
        )
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as text."""
        return self._redact(super().format(record))


def configure(form: Form, level: str, process: str, secrets: Iterable[str] = ()) -> None:
    """Send this process's log entries to standard error.

    ``secrets`` are what the settings hold as such. The access log is for machines: as text it would drown all else in
    the heartbeats of idle workers.
    """
    handler = logging.StreamHandler(sys.stderr)
    redact = redactor(secrets)
    handler.setFormatter(JsonLines(process, redact) if form == "json" else TextLines(process, redact))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    quiet = form == "text" and level != "debug"
    levels = {
        "uvicorn": logging.WARNING,  # it tells of addresses and keys to press: ours to tell
        "asyncpg": logging.ERROR,  # a trace for each connection while the database restarts
        "opentelemetry": logging.ERROR,  # a line for each try while a collector is away
        "maquette.access": logging.WARNING if quiet else logging.NOTSET,
    }
    for name, wanted in levels.items():
        logging.getLogger(name).setLevel(wanted)


def json_process() -> str:
    """Return the name that this process writes JSON lines under; empty where it does not, or another program does."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonLines):
            return handler.formatter.process
    return ""
