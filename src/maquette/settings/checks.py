"""What a setting's value is held to: each check says what it should have been, or None when it is fine."""

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Check = Callable[[Any], str | None]
"""Says what a value should have been, or None when it is fine."""


def between(low: float, high: float = math.inf) -> Check:
    expected = f"a number from {low:g} to {high:g}" if high < math.inf else f"a number of at least {low:g}"
    return lambda value: None if low <= value <= high else expected


def address(*schemes: str) -> Check:
    def check(value: str) -> str | None:
        try:
            parts = urlsplit(value)
            fine = parts.scheme in schemes and (bool(parts.hostname) or "host=" in parts.query)
        except ValueError:
            fine = False
        return (
            None
            if fine
            else f"an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        )

    return check


def path_prefix(value: str) -> str | None:
    return (
        None
        if value.startswith("/") and not value.endswith("/")
        else "a path such as /prod, without a slash at the end"
    )


def secret_text(value: str) -> str | None:
    return (
        None
        if len(value) >= 16 and value.isascii() and value.isprintable()
        else "at least 16 printable ASCII characters"
    )


def allowance(value: str) -> str | None:
    from maquette.outbound import (
        Policy,
    )  # the HTTP client behind it takes 0.1 s that no command should wait for

    try:
        Policy.parse(value)
    except ValueError:
        return "host names, addresses and networks such as hooks.intranet,10.1.0.0/16"
    return None


def parse_listen(value: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; ``ValueError`` for what is none."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("no HOST:PORT")
    return host.strip("[]"), int(port)


def parsed(parse: Callable[[str], object], expected: str) -> Check:
    def check(value: str) -> str | None:
        try:
            parse(value)
        except ValueError as error:
            return f"{expected} ({error})"
        return None

    return check
