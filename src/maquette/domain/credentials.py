"""Keys: what is kept of one, and how long somebody who shows its secret may be believed."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from maquette.domain.errors import Forbidden, Invalid
from maquette.domain.permissions import SCOPES, Kind, Role
from maquette.domain.principal import Principal

#: A rotated key's old secret lasts a month at most; its owner meant to be rid of it.
OVERLAP_SECONDS_MAX = 30 * 24 * 3600
OVERLAP_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Credential:
    """What a key's secret is compared with, and whom it stands for."""

    id: UUID
    project_id: UUID | None
    kind: Kind
    subject: str
    role: Role
    scopes: tuple[str, ...] | None
    services: tuple[str, ...] | None
    secret_hash: bytes
    previous_hash: bytes | None
    previous_until: datetime | None
    expires_at: datetime | None

    def believed_seconds(self, presented: bytes, now: datetime, seconds_max: float) -> float:
        """Return how long who shows the secret with this hash may be believed; 0 when it is not, or no more, the key's."""
        ends = [self.expires_at]
        if not hmac.compare_digest(self.secret_hash, presented):
            if self.previous_hash is None or not hmac.compare_digest(self.previous_hash, presented):
                return 0.0
            ends.append(self.previous_until)
        return max(0.0, min([seconds_max, *((end - now).total_seconds() for end in ends if end is not None)]))

    def principal(self) -> Principal:
        """Return whom the key stands for."""
        return Principal(
            self.kind,
            self.subject,
            {} if self.project_id is None else {self.project_id: self.role},
            None if self.scopes is None else frozenset(self.scopes),
            None if self.services is None else frozenset(self.services),
        )


def check_scopes(scopes: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return scopes in the table's order, each once; ``Invalid`` names one that does not exist."""
    if scopes is None:
        return None
    if not scopes:
        raise Invalid.field(("scopes",), "must name one at least; leave it out for all that the role allows")
    for place, scope in enumerate(scopes):
        if scope not in SCOPES:
            raise Invalid.field(("scopes", place), f"must be one of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in scopes)


def check_within(maker: Principal, project: UUID | None, role: Role, scopes: Sequence[str] | None) -> None:
    """Raise ``Forbidden`` unless the maker himself has what a key would have: nobody hands on more than that."""
    if maker.kind != "operator":
        own = None if project is None else maker.roles.get(project)
        if own is None or not own.covers(role):
            raise Forbidden(f"Nobody hands on more than he has: your role is {own or 'none'}, not {role}.")
    if maker.scopes is not None and (scopes is None or not maker.scopes.issuperset(scopes)):
        raise Forbidden(
            "Nobody hands on more than he has: your own key is narrowed to the scopes "
            f"{', '.join(sorted(maker.scopes))}; name some of them."
        )
