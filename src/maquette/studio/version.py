"""The studio's name and version, as every artifact and lineage discloses them."""

NAME = "maquette-studio"
VERSION = "1.1.0"
"""Raise it whenever equal inputs may give other bytes: it is part of every step's idempotency key."""


def engine(method: str) -> dict[str, str]:
    """Fill the ``engine`` attribute of an artifact: who made it and, honestly, how (``procedural painter; …``)."""
    return {"name": NAME, "version": VERSION, "method": method}


def model(method: str) -> str:
    """Name a method for ``Succeeded.model``: ``maquette-studio/painter``."""
    return f"{NAME}/{method}"
