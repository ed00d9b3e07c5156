"""Logs of a process, on standard error: text for people or JSON lines for machines."""

import json
import logging
import sys
from datetime import UTC, datetime

from maquette.settings import Settings


class JsonLines(logging.Formatter):
    """One JSON object a line; what a record carries as ``fields`` is merged in."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a JSON object."""
        entry = {
            "ts": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure(settings: Settings, process: str) -> None:
    """Send this process's log entries to standard error, as the settings have it.

    The access log is for machines: as text it would drown all else in the heartbeats of idle workers.
    """
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(JsonLines(process))
    else:
        text = f"%(asctime)s %(levelname)-7s {process}: %(message)s"
        handler.setFormatter(logging.Formatter(text, datefmt="%H:%M:%S"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    quiet = settings.log_format == "text" and settings.log_level != "debug"
    levels = {
        "uvicorn": logging.WARNING,  # it tells of addresses and keys to press: ours to tell
        "asyncpg": logging.ERROR,  # a trace for each connection while the database restarts
        "maquette.access": logging.WARNING if quiet else logging.NOTSET,
    }
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
