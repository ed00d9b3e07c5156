"""What each error of the driver means for callers: generated from its classes, so that a new one is looked at."""

import inspect

import asyncpg
import pytest
from asyncpg import exceptions

from maquette.domain.errors import Unavailable
from maquette.store.away import reason, unavailable

#: Classes of SQLSTATE that are the fault of a statement or of a value: waiting helps with none of them.
FAULTS = frozenset(
    [
        "00",
        "01",
        "02",
        "03",
        "09",
        "0A",
        "0B",
        "0F",
        "0L",
        "0P",
        "0Z",
        "10",
        "20",
        "21",
        "22",
        "23",
        "24",
        "26",
        "27",
        "2B",
        "2D",
        "2F",
        "34",
        "38",
        "39",
        "3B",
        "3F",
        "42",
        "44",
        "54",
        "72",
        "HV",
        "P0",
    ]
)
#: Inside of classes of which other members pass.
FAULTS_AMONG_OTHERS = frozenset(
    [
        "25000",
        "25001",
        "25002",
        "25008",
        "25003",
        "25004",
        "25005",
        "25007",
        "25P01",
        "25P02",
        "55000",
        "55006",
        "55P02",
        "55P04",
    ]
)
STATES = {
    kind.sqlstate: kind
    for kind in vars(exceptions).values()
    if inspect.isclass(kind) and issubclass(kind, asyncpg.PostgresError) and kind.sqlstate
}


def test_every_sqlstate_passes_or_is_a_fault() -> None:
    """Each state that the driver knows is either waited out or somebody's fault, and it was decided which."""
    undecided = [
        state
        for state in STATES
        if (reason(state) is None) != (state[:2] in FAULTS or state in FAULTS_AMONG_OTHERS)
    ]
    assert undecided == []


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("08006", "away"),
        ("25006", "read-only"),
        ("53100", "disk"),
        ("53300", "no more connections"),
        ("57014", "in time"),
        ("57P01", "away"),
        ("57P03", "starting"),
        ("40P01", "in the way"),
        ("XX001", "failed"),
    ],
)
def test_what_passes_is_told_with_its_reason(state: str, told: str) -> None:
    """A caller is told in a sentence why, and when to come again."""
    error = unavailable(STATES[state]("from the server"))
    assert isinstance(error, Unavailable)
    assert told in error.message
    assert error.retry_after_seconds == 1


def test_the_drivers_own_errors_pass_but_a_bad_value_does_not() -> None:
    """Connections that broke, refused, timed out or were closed are waited out; a duplicate key or bad SQL is not."""
    for error in (
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.InterfaceError("closed"),
        asyncpg.InternalClientError("gone"),
        asyncpg.InvalidCachedStatementError("x"),
    ):
        assert unavailable(error) is not None, error
    for error in (asyncpg.UniqueViolationError("x"), asyncpg.PostgresSyntaxError("x"), ValueError("x")):
        assert unavailable(error) is None, error
