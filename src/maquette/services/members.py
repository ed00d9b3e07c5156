"""Members: who has which role in a project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.credentials import check_within
from maquette.domain.errors import Conflict, Invalid, NotFound
from maquette.domain.oidc import EXTERNAL_ID_LENGTH_MAX, subject_of
from maquette.domain.permissions import Role
from maquette.domain.principal import Principal
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.store import identity, projects
from maquette.store.database import Connection
from maquette.store.identity import Member, Person

MEMBERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who shall have a role: a subject, or an issuer and what it calls the person."""

    role: Role
    subject: str | None = None
    issuer: str | None = None
    external_id: str | None = None

    def person(self, loc: tuple[str | int, ...]) -> tuple[str, Person | None]:
        """Return the subject, and the person as far as the invitation says; ``Invalid`` when it does not say who."""
        if self.subject is not None:
            if self.issuer is not None or self.external_id is not None:
                raise Invalid.field((*loc, "subject"), "must not come with issuer and external_id")
            typeid.decode_field("usr", self.subject, (*loc, "subject"))
            return self.subject, None
        if not self.issuer or not self.external_id:
            raise Invalid.field((*loc, "subject"), "is needed, or issuer and external_id")
        if len(self.external_id) > EXTERNAL_ID_LENGTH_MAX or not self.external_id.isprintable():
            raise Invalid.field((*loc, "external_id"), "is no name that an issuer gives")
        if not self.issuer.isprintable():
            raise Invalid.field((*loc, "issuer"), "is no address")
        subject = subject_of(self.issuer, self.external_id)
        return subject, Person(subject, self.issuer, self.external_id, None, None)


async def list_members(deps: Deps, principal: Principal, project: UUID) -> list[Member]:
    """Return a project's members by subject, 1,000 at most."""
    principal.require_project(project)
    async with deps.database.tenant(principal.memberships) as connection:
        await _require(connection, project)
        return await identity.members(connection, project)


async def replace(
    deps: Deps, principal: Principal, project: UUID, invitations: Sequence[Invitation]
) -> list[Member]:
    """Make these the project's members, and nobody else."""
    principal.require_project(project)
    found = [item.person(("members", place)) for place, item in enumerate(invitations)]
    wanted = {subject: item.role for (subject, _), item in zip(found, invitations, strict=True)}
    if len(wanted) < len(found):
        raise Invalid.field(("members",), "must not name anybody twice")
    async with deps.database.transaction() as connection:
        before = await _locked(connection, project)
        return await _change(
            connection,
            principal,
            "put_members",
            project,
            before,
            wanted,
            [person for _, person in found if person],
        )


async def add(deps: Deps, principal: Principal, project: UUID, invitation: Invitation) -> Member:
    """Make somebody a member who is none yet, before he has ever been here, too."""
    principal.require_project(project)
    subject, person = invitation.person(())
    async with deps.database.transaction() as connection:
        before = await _locked(connection, project)
        if subject in before:
            raise Conflict(f"{subject} is a member already: {before[subject]}.")
        wanted = {**before, subject: invitation.role}
        after = await _change(
            connection, principal, "add_member", project, before, wanted, [person] if person else []
        )
    return next(member for member in after if member.subject == subject)


async def put(deps: Deps, principal: Principal, project: UUID, subject: str, role: Role) -> Member:
    """Give a subject a role, whether it has one or not."""
    principal.require_project(project)
    typeid.decode("usr", subject)
    async with deps.database.transaction() as connection:
        before = await _locked(connection, project)
        after = await _change(connection, principal, "put_member", project, before, {**before, subject: role})
    return next(member for member in after if member.subject == subject)


async def remove(deps: Deps, principal: Principal, project: UUID, subject: str) -> None:
    """Take a subject out of the project: refused everywhere within two seconds."""
    principal.require_project(project)
    async with deps.database.transaction() as connection:
        before = await _locked(connection, project)
        if subject not in before:
            raise NotFound("There is no such member.")
        wanted = {name: role for name, role in before.items() if name != subject}
        await _change(connection, principal, "remove_member", project, before, wanted)


async def _locked(connection: Connection, project: UUID) -> dict[str, Role]:
    await _require(connection, project)
    await projects.lock(connection, project)
    return {member.subject: member.role for member in await identity.members(connection, project)}


async def _require(connection: Connection, project: UUID) -> None:
    if await projects.context(connection, project) is None:
        raise NotFound("There is no such project.")


async def _change(
    connection: Connection,
    principal: Principal,
    act: str,
    project: UUID,
    before: Mapping[str, Role],
    wanted: Mapping[str, Role],
    people: Sequence[Person] = (),
) -> list[Member]:
    """Make ``wanted`` of ``before``. The last owner goes only by an operator's hand, and nobody gives more than he has."""
    changed = {subject: role for subject, role in wanted.items() if before.get(subject) != role}
    for role in set(changed.values()):
        check_within(principal, project, role, None if principal.scopes is None else tuple(principal.scopes))
    if len(wanted) > MEMBERS_MAX:
        raise Conflict(f"A project may have {MEMBERS_MAX} members.")
    loses_owners = Role.OWNER in before.values() and Role.OWNER not in wanted.values()
    if loses_owners and principal.kind != "operator":
        raise Conflict("The project would be left without an owner: make somebody else one first.")
    await identity.remove_members(connection, project, [name for name in before if name not in wanted])
    if changed:
        await identity.put_members(connection, project, changed, principal.subject)
    if people:
        await identity.seen(connection, people)
    gone = {name: role for name, role in before.items() if name in changed or name not in wanted}
    await audit.record(
        connection, principal, act, typeid.encode("prj", project), project, before=gone, after=changed
    )
    return await identity.members(connection, project)
