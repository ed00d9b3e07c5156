"""``maquette member``: who has which role in a project."""

from typing import Annotated, Any

import typer

from maquette.cli.arguments import Json, Project
from maquette.cli.keys import RoleName
from maquette.cli.output import CommandError, out, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Members of a project.", no_args_is_help=True)

_Subject = Annotated[str, typer.Argument(help="usr_…, as GET /me shows it to whom it is.", metavar="SUBJECT")]


@app.command("list")
def list_members(project: Project = "", json: Json = False) -> None:
    """List who signs in with a provider and has a role here; users who have only a key are among the keys."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        members = client.get(f"/projects/{project_of(settings, project)}/members")["items"]
    if json:
        print_json({"items": members})
        return
    rows = [
        (
            member["subject"],
            member["role"],
            member["email"] or member["external_id"] or "",
            member["issuer"] or "",
        )
        for member in members
    ]
    print_table(("subject", "role", "who", "issuer"), rows, elastic="who")


@app.command("set")
def set_member(
    subject: Annotated[
        str, typer.Argument(help="usr_…, as GET /me shows it to whom it is.", metavar="[SUBJECT]")
    ] = "",
    role: Annotated[RoleName, typer.Option(help="What he shall be.")] = "artist",
    issuer: Annotated[str, typer.Option(help="Instead of the subject: address of the provider.")] = "",
    external_id: Annotated[str, typer.Option("--sub", help="And the `sub` that it knows him by.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Give somebody a role, also before he has ever been here: by --issuer and --sub."""
    from maquette.cli.client import connect, project_of

    if bool(subject) == bool(issuer and external_id) or (subject and (issuer or external_id)):
        raise CommandError("Who?", "Give a SUBJECT, or --issuer and --sub.")
    if issuer:
        from maquette.domain.oidc import subject_of

        subject = subject_of(issuer, external_id)
    settings = load()
    with connect(settings) as client:
        address = f"/projects/{project_of(settings, project)}/members"
        known = {member["subject"] for member in client.get(address)["items"]}
        member: dict[str, Any] = (
            client.post(address, {"role": role, "issuer": issuer, "external_id": external_id})
            if issuer and subject not in known
            else client.put(f"{address}/{subject}", {"role": role})
        )
    if json:
        print_json(member)
    else:
        print_fields((name, value) for name, value in member.items() if value is not None)


@app.command("remove")
def remove(subject: _Subject, project: Project = "", json: Json = False) -> None:
    """Take somebody out: he is refused everywhere within two seconds."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        client.delete(f"/projects/{project_of(settings, project)}/members/{subject}")
    if json:
        print_json({"subject": subject, "removed": True})
    else:
        out().print(f"removed {subject}")
