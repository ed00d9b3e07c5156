"""What the SDK raises, and how one attempt leaves its pipeline early.

WorkerError
├── Unavailable     the server cannot be reached, or asks to come back later
├── Refused         the server will not take this request, however often it is sent
└── ContractError   a handler broke the contract (raised by the test environment only)

AttemptFailed and LeaseLost never leave the runner.
"""

from maquette.wire import ErrorClass
from maquette.worker.handler import Failed


class WorkerError(Exception):
    """Base of all errors that the SDK raises."""


class Unavailable(WorkerError):
    """The server cannot be reached, answers 5xx or nonsense, or asks to come back later. Worth a retry."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Refused(WorkerError):
    """The server will not take this request (4xx): a wrong token, an unknown service, another protocol."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ContractError(WorkerError, AssertionError):
    """A handler broke the contract; the message names every breach."""


class AttemptFailed(Exception):
    """The attempt ends here, as ``failed`` says."""

    def __init__(self, code: str, message: str, error_class: ErrorClass) -> None:
        super().__init__(message)
        self.failed = Failed(code, message, error_class)


class LeaseLost(Exception):
    """The server gave the lease to another worker: stop, and report nothing."""
