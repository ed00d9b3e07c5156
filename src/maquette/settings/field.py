"""How a setting is declared: a dataclass field with its help, its check, and whether it is secret."""

from dataclasses import field
from typing import Any

from maquette.settings.checks import Check

PREFIX = "MAQUETTE_"


def setting(default: Any, text: str, *, check: Check | None = None, secret: bool = False) -> Any:
    """Return a field. Secrets do not show in ``repr``, nor in errors about their values."""
    return field(default=default, repr=not secret, metadata={"help": text, "check": check, "secret": secret})
