"""The permission table: total over the API, and what it means for each kind, role and scope."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from maquette.api.app import build_app
from maquette.domain import permissions_page
from maquette.domain.errors import Forbidden, NotFound
from maquette.domain.permissions import RULES, SCOPES, Role, Rule
from maquette.domain.principal import Principal
from maquette.services.transactor import Counters
from maquette.settings import Settings
from maquette.telemetry.tracer import OFF

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
PEOPLE = {name: rule for name, rule in RULES.items() if "user" in rule.kinds and rule.role is not None}


def document() -> dict[str, Any]:
    """Return the OpenAPI document with every router in it, that of signed files included."""
    from maquette.bootstrap import openapi

    return openapi()


def test_every_operation_has_a_rule_and_every_rule_an_operation() -> None:
    """Whoever adds an endpoint says who may call it; nothing stays in the table that cannot be called."""
    operations = {
        operation["operationId"]: operation
        for item in document()["paths"].values()
        for operation in item.values()
    }
    assert sorted(set(operations) - set(RULES)) == []
    assert sorted(set(RULES) - set(operations)) == []
    public = {name for name, rule in RULES.items() if not rule.kinds}
    assert public == {name for name, operation in operations.items() if "security" not in operation}
    for name, rule in RULES.items():
        assert rule.scope is None or rule.scope in SCOPES, name
        assert not rule.kinds or {"401", "403"} <= set(operations[name]["responses"]), name
    assert set(SCOPES) == {rule.scope for rule in RULES.values() if rule.scope}


def test_no_route_beside_the_document_takes_credentials() -> None:
    """Routes that the document hides are those of the framework and bodiless probes: none of them has a rule to obey."""
    deps: Any = SimpleNamespace(
        objects=None, tracer=OFF, transactor=SimpleNamespace(counters=Counters(), waiting=0, parked=0)
    )
    hidden = {
        route.path
        for route in build_app(deps, Settings()).routes
        if not getattr(route, "include_in_schema", False)
    }
    assert hidden == {"/openapi.json", "/asyncapi.json", "/", "/healthz", "/readyz"}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("operation", list(PEOPLE))
def test_a_role_may_what_its_rung_says(operation: str, role: Role) -> None:
    """A member may call an operation exactly when his role is the one that the table names, or above it."""
    order = ["viewer", "artist", "reviewer", "owner"]
    needed = PEOPLE[operation].role
    assert needed is not None
    allowed = order.index(role) >= order.index(needed)
    member = Principal("user", "usr_x", {A: role})
    if allowed:
        bound = member.under(operation)
        assert bound.require_project(A) == A
        assert bound.projects == [A]
        with pytest.raises(NotFound):
            bound.require_project(B)
    else:
        with pytest.raises(Forbidden, match=f"needs the role {needed} in the project; yours is {role}"):
            member.under(operation)


@pytest.mark.parametrize("operation", [name for name, rule in RULES.items() if rule.kinds])
def test_kinds_do_not_do_each_others_work(operation: str) -> None:
    """Workers get nothing but the worker protocol; operators everything else; users never what is operators' alone."""
    worker, operator = Principal("worker", "w"), Principal("operator", "usr_o")
    owner = Principal("user", "usr_u", {A: Role.OWNER})
    for principal in (worker, operator, owner):
        if principal.kind in RULES[operation].kinds:
            assert principal.under(operation).subject == principal.subject
        else:
            with pytest.raises(Forbidden):
                principal.under(operation)
    with pytest.raises(Forbidden):
        worker.require_project(A)
    if "operator" in RULES[operation].kinds:
        assert operator.under(operation).projects is None
        assert operator.under(operation).require_project(C) == C


@pytest.mark.parametrize("operation", [name for name, rule in RULES.items() if rule.scope])
def test_a_narrowed_key_has_its_scopes_alone(operation: str) -> None:
    """The one scope opens the operation, all others together do not, whatever the role."""
    rule = RULES[operation]
    kind = "operator" if "user" not in rule.kinds else "user"
    roles = {A: Role.OWNER} if kind == "user" else {}
    Principal(kind, "usr_x", roles, frozenset({str(rule.scope)})).under(operation)
    with pytest.raises(Forbidden, match=str(rule.scope)):
        Principal(kind, "usr_x", roles, frozenset(SCOPES) - {str(rule.scope)}).under(operation)


def test_roles_count_in_their_own_project() -> None:
    """Owner here and viewer there: lists show where the role suffices, the other project says which role it takes."""
    somebody = Principal("user", "usr_x", {A: Role.OWNER, B: Role.VIEWER})
    bound = somebody.under("change_project")
    assert bound.projects == [A]
    assert bound.memberships == [A, B]
    assert bound.require_project(A) == A
    with pytest.raises(Forbidden, match="needs the role owner in the project; yours is viewer"):
        bound.require_project(B)
    with pytest.raises(NotFound):
        bound.require_project(C)
    assert somebody.under("get_project").projects == [A, B]


def test_what_has_no_rule_is_refused() -> None:
    """An operation that nobody wrote a rule for is nobody's; and a principal under no operation has the least."""
    for principal in (Principal("operator", "usr_o"), Principal("user", "usr_x", {A: Role.OWNER})):
        with pytest.raises(Forbidden, match="no rule"):
            principal.under("forgotten")
    with pytest.raises(Forbidden, match="owner"):
        Principal("user", "usr_x", {A: Role.REVIEWER}).require_project(A)
    assert Rule().kinds == frozenset()


def test_a_member_of_nothing_sees_nothing() -> None:
    """Who is known but in no project gets empty lists and no such project."""
    nobody = Principal("user", "usr_x").under("list_jobs")
    assert nobody.projects == []
    with pytest.raises(NotFound):
        nobody.require_project(A)


def test_the_permissions_page_is_the_table() -> None:
    """docs/permissions.md is made from the table (`make docs`)."""
    page = Path(__file__).parents[2] / "docs" / "permissions.md"
    assert page.read_text() == permissions_page.render()
