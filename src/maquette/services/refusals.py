"""What callers of the transactor are told when what they asked for was not done."""

import logging

from maquette.domain.errors import Invalid, MaquetteError, Unavailable
from maquette.services.orders import Verdict
from maquette.store.session import BadData, Contention

_LOG = logging.getLogger("maquette.services.transactor")


def stopped() -> Unavailable:
    """Return what they are told whom no lane will serve any more."""
    return Unavailable("The server is stopping.", retry_after_seconds=1)


def blame(error: Exception) -> MaquetteError:
    """Return what the callers are told of a transaction that failed for good."""
    if isinstance(error, MaquetteError):
        return error
    if isinstance(error, Contention):
        return Unavailable("Too much contention.", retry_after_seconds=1)
    if isinstance(error, BadData):
        _LOG.warning("The database refused a command: %s", error, exc_info=error)
        return Invalid("The command holds a value that cannot be stored.")
    _LOG.error("A command failed for a reason nobody foresaw.", exc_info=error)
    return Unavailable("The change could not be made.", retry_after_seconds=1)


def as_error(verdict: Verdict) -> MaquetteError:
    """Return a verdict as an error, where only a job would have been none."""
    return verdict if isinstance(verdict, MaquetteError) else Invalid("The request was answered before.")
