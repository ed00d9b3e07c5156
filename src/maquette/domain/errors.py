"""Every error a caller can see, in one tree. A class's ``code`` is stable; HTTP statuses live in ``api/``.

MaquetteError
├── Invalid                 the request itself is wrong; ``details`` name the fields
│   ├── UnsafeContent       a safety policy refused it
│   ├── ConstraintConflict  it asks for what the project's constraints forbid
│   ├── UnusableUpload      a file is not what it must be; the detail's type says why
│   └── IdempotencyMismatch the key was used with another body
├── Unauthenticated
├── Forbidden
│   └── ContentBlocked      a safety decision took it away
├── NotFound                missing, or another tenant's
├── Expired                 it was there; retention has taken it
├── Conflict                legal in itself, but not now
│   ├── IllegalTransition   this command in this status
│   ├── StaleFence          the lease this came under has ended
│   ├── StaleVersion        somebody else changed the document first
│   ├── StaleReview         somebody else decided first
│   ├── StaleRuling         what holds of a safety decision is not what the caller saw
│   ├── AwaitingVerdict     nobody has said yet that it may be seen
│   └── ObjectConflict      other bytes are stored under that key
├── QuotaExceeded
│   └── RateLimited         too many requests in a minute
├── BudgetExhausted         it would cost more than there is left
├── TooLarge
└── Unavailable             try again later
    └── OutcomeUnknown      it may have been done all the same
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing wrong with a request: where (``("body", "params", "retopo")``), what, and of which type."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class MaquetteError(Exception):
    """Base of all errors that a caller can see; the message is a sentence for people."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        details: Sequence[Detail] = (),
        retry_after_seconds: float | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra or {}


class Invalid(MaquetteError):
    """The request itself is wrong."""

    code = "invalid_request"

    @classmethod
    def field(cls, loc: tuple[str | int, ...], msg: str, kind: str = "value_error") -> Self:
        """Return the error for a single field."""
        return cls(f"{'.'.join(map(str, loc))}: {msg}", details=[Detail(loc, msg, kind)])


class UnsafeContent(Invalid):
    """A safety policy refused it."""

    code = "content_policy_violation"


class ConstraintConflict(Invalid):
    """It asks for what the project's constraints forbid; ``details`` name both sides."""

    code = "constraint_conflict"


class UnusableUpload(Invalid):
    """An uploaded file cannot be used."""

    code = "unusable_upload"


class IdempotencyMismatch(Invalid):
    """The idempotency key was used before with another body."""

    code = "idempotency_key_reuse"


class Unauthenticated(MaquetteError):
    """No valid credentials."""

    code = "unauthenticated"

    def __init__(self, message: str, *, reason: str = "missing", **more: Any) -> None:
        super().__init__(message, **more)
        self.reason = reason
        """Why, for the operator's metric and log; a caller is not told."""


class Forbidden(MaquetteError):
    """The caller may not do this."""

    code = "forbidden"


class ContentBlocked(Forbidden):
    """The content policy took it away."""

    code = "content_blocked"


class NotFound(MaquetteError):
    """It does not exist, or not for this caller."""

    code = "not_found"


class Expired(MaquetteError):
    """It was there; the project's retention has taken it."""

    code = "expired"


class Conflict(MaquetteError):
    """Legal in itself, but not now."""

    code = "conflict"


class IllegalTransition(Conflict):
    """The command is not legal in this status."""

    code = "illegal_transition"


class StaleFence(Conflict):
    """The lease this came under has ended; the work must be dropped."""

    code = "stale_fence"


class StaleVersion(Conflict):
    """Somebody else changed the document first; ``extra["version"]`` is what holds now."""

    code = "stale_version"


class StaleReview(Conflict):
    """Another decision won; ``extra["decision"]`` holds it."""

    code = "stale_review"


class StaleRuling(Conflict):
    """What holds of this safety decision is not what the caller saw; ``extra["decision"]`` tells."""

    code = "stale_safety_decision"


class AwaitingVerdict(Conflict):
    """Nobody has said yet that it may be seen."""

    code = "awaiting_safety_verdict"
    retryable = True


class ObjectConflict(Conflict):
    """Other bytes are already stored under this key."""

    code = "object_conflict"


class QuotaExceeded(MaquetteError):
    """A limit of the project or user is reached."""

    code = "quota_exceeded"
    retryable = True


class RateLimited(QuotaExceeded):
    """More requests than allowed in a minute."""

    code = "rate_limited"


class BudgetExhausted(MaquetteError):
    """It would cost more than there is left to spend."""

    code = "budget_exhausted"


class TooLarge(MaquetteError):
    """More bytes than allowed."""

    code = "too_large"


class Unavailable(MaquetteError):
    """Something this depends on is away; nothing was changed."""

    code = "unavailable"
    retryable = True


class OutcomeUnknown(Unavailable):
    """The answer to a change was lost; it may have been made."""

    code = "outcome_unknown"
