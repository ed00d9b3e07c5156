"""Members of a project."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from maquette.api.call import Caller, answer
from maquette.api.openapi import nothing, problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import identity as shapes
from maquette.domain import typeid
from maquette.services import members
from maquette.services.members import Invitation
from maquette.store.identity import Member

router = APIRouter(prefix="/projects/{project_id}/members", tags=["identity"])

_WRITE = problems(401, 403, 404, 409, 413, 415, 422, 503)


def _shown(member: Member) -> Fields:
    person = member.person
    return {
        "subject": member.subject,
        "role": member.role,
        "issuer": person and person.issuer,
        "external_id": person and person.external_id,
        "email": person and person.email,
        "added_at": moment(member.added_at),
        "added_by": member.added_by,
        "last_seen_at": moment(person.seen_at) if person else None,
    }


def _page(found: list[Member]) -> Response:
    return answer({"items": [_shown(member) for member in found], "next_cursor": None})


def _invitation(body: shapes.MemberInvitation) -> Invitation:
    return Invitation(body.role, body.subject, body.issuer, body.external_id)


@router.get(
    "",
    operation_id="list_members",
    summary="List members",
    response_class=Response,
    responses=success(shapes.MemberPage, "All members of the project") | problems(401, 403, 404, 503),
)
async def list_members(project_id: str, call: Caller) -> Response:
    """People who sign in with an issuer of OpenID. Users who have only a key of the project are among its keys."""
    return _page(await members.list_members(call.deps, call.principal, typeid.decode("prj", project_id)))


@router.put(
    "",
    operation_id="put_members",
    summary="Set who is a member",
    response_class=Response,
    responses=success(shapes.MemberPage, "All members of the project") | _WRITE,
)
async def put_members(project_id: str, body: shapes.MemberList, call: Caller) -> Response:
    """Whoever is not named is none any more. Only an operator may leave a project without an owner."""
    project = typeid.decode("prj", project_id)
    invited = [_invitation(item) for item in body.members]
    return _page(await members.replace(call.deps, call.principal, project, invited))


@router.post(
    "",
    operation_id="add_member",
    summary="Invite somebody",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(shapes.Member, "The new member", status=201) | _WRITE,
)
async def add_member(project_id: str, body: shapes.MemberInvitation, call: Caller) -> Response:
    """By `subject`, or by `issuer` and `external_id` before he has ever been here: the subject follows from these."""
    project = typeid.decode("prj", project_id)
    made = await members.add(call.deps, call.principal, project, _invitation(body))
    return answer(_shown(made), HTTPStatus.CREATED)


@router.put(
    "/{subject}",
    operation_id="put_member",
    summary="Give a member a role",
    response_class=Response,
    responses=success(shapes.Member, "The member") | _WRITE,
)
async def put_member(project_id: str, subject: str, body: shapes.MemberRole, call: Caller) -> Response:
    """Whether he was a member before or not."""
    project = typeid.decode("prj", project_id)
    return answer(_shown(await members.put(call.deps, call.principal, project, subject, body.role)))


@router.delete(
    "/{subject}",
    operation_id="remove_member",
    summary="Take a member out",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=nothing("Refused everywhere within two seconds") | problems(401, 403, 404, 409, 503),
)
async def remove_member(project_id: str, subject: str, call: Caller) -> Response:
    """Refuse him from now on. The last owner goes only by an operator's hand."""
    await members.remove(call.deps, call.principal, typeid.decode("prj", project_id), subject)
    return Response(status_code=HTTPStatus.NO_CONTENT)
