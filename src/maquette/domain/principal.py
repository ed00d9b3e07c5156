"""Who is calling, and what that allows."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from maquette.domain.errors import Forbidden, NotFound

Kind = Literal["user", "worker", "operator"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A user with one project, a worker, or an operator with all of them."""

    kind: Kind
    subject: str
    project_id: UUID | None = None

    @property
    def projects(self) -> list[UUID] | None:
        """Projects this caller sees; None means all."""
        return None if self.kind == "operator" else [self.project_id] if self.project_id else []

    def require_project(self, project: UUID) -> UUID:
        """Return the project, or raise as if it did not exist: a foreign id looks like a missing one."""
        if self.kind == "worker":
            raise Forbidden("A worker's key is for /worker only.")
        if self.kind != "operator" and project != self.project_id:
            raise NotFound("There is no such project.")
        return project

    def require(self, *kinds: Kind) -> None:
        """Raise ``Forbidden`` unless the caller is of one of the kinds."""
        if self.kind not in kinds:
            raise Forbidden(f"This needs the key of {' or '.join(kinds)}; this one is of a {self.kind}.")
