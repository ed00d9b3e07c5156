"""Who is calling, and what that allows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from maquette.domain.errors import Forbidden, NotFound
from maquette.domain.permissions import RULES, Kind, Role


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that something is asked by, as the audit log names it."""

    request_id: str
    address: str | None


@dataclass(frozen=True, slots=True)
class Principal:
    """A user with a role in each of his projects, a worker, or an operator, who has every project."""

    kind: Kind
    subject: str
    """Whom the record names: ``usr_…`` for people and their programs."""
    roles: Mapping[UUID, Role] = field(default_factory=dict)
    scopes: frozenset[str] | None = None
    """What a narrowed key may do of what its role allows; None: all of it."""
    services: frozenset[str] | None = None
    """The services that a worker's token is for; None: all of them."""
    needs: Role = Role.OWNER
    """What the operation under way demands in the project it concerns; the most until an operation is named."""
    origin: Origin | None = field(default=None, compare=False)
    """None for what no request asked for: a command beside the API, a test."""

    def under(self, operation: str, origin: Origin | None = None) -> "Principal":
        """Return the principal bound to an operation's rule, or raise ``Forbidden`` when it is not for him at all.

        Whether he may act in a project is for ``require_project``, once it is known which one is concerned.
        """
        rule = RULES.get(operation)
        if rule is None:
            raise Forbidden("Nobody may do this: the operation has no rule.")
        if self.kind not in rule.kinds:
            raise Forbidden(f"This is for {' or '.join(sorted(rule.kinds))}; this key is of a {self.kind}.")
        if self.scopes is not None and rule.scope is not None and rule.scope not in self.scopes:
            raise Forbidden(
                f"This needs the scope {rule.scope}; this key is narrowed to others.",
                extra={"scope": rule.scope},
            )
        if rule.role is None:
            return replace(self, origin=origin)
        if self.roles and not any(role.covers(rule.role) for role in self.roles.values()):
            raise _too_small(rule.role, max(self.roles.values(), key=list(Role).index))
        # Not replace(): this runs for every request, and the constructor takes a third of its time.
        return Principal(self.kind, self.subject, self.roles, self.scopes, self.services, rule.role, origin)

    @property
    def projects(self) -> list[UUID] | None:
        """Projects in which this caller may do what is under way; None means all. For lists."""
        if self.kind == "operator":
            return None
        return [project for project, role in self.roles.items() if role.covers(self.needs)]

    @property
    def memberships(self) -> list[UUID] | None:
        """Projects that this caller knows of; None means all. For reads by id, which end in ``require_project``."""
        return None if self.kind == "operator" else list(self.roles)

    def require_project(self, project: UUID) -> UUID:
        """Return the project when the caller may do there what is under way.

        Errors: ``NotFound`` for who is no member, as if it did not exist; ``Forbidden`` for one whose role is too small.
        """
        if self.kind == "worker":
            raise Forbidden("A worker's token is for /worker only.")
        if self.kind != "operator":
            role = self.roles.get(project)
            if role is None:
                raise NotFound("There is no such project.")
            if not role.covers(self.needs):
                raise _too_small(self.needs, role)
        return project

    def require_operator(self, what: str) -> None:
        """Raise ``Forbidden`` unless the caller is an operator: for parts of an operation that others may call."""
        if self.kind != "operator":
            raise Forbidden(f"{what} is for operators to set.")

    def serves(self, service: str) -> bool:
        """Whether a worker's token is for a service."""
        return self.services is None or service in self.services

    def require_services(self, services: Iterable[str]) -> None:
        """Raise ``Forbidden`` that names the first service which a worker's token is not for."""
        for service in services:
            if not self.serves(service):
                raise Forbidden(f"This worker's token is not for the service {service!r}.")


def _too_small(needed: Role, role: Role) -> Forbidden:
    return Forbidden(
        f"This needs the role {needed} in the project; yours is {role}.", extra={"role": str(needed)}
    )
