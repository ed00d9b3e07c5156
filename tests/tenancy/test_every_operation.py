"""Every operation of the document × everybody: the permission table is what happens, and a refusal changes nothing."""

import asyncpg
from everybody import Somebody, World, key_of, renew

from maquette.domain.permissions import RULES
from maquette.services.audit import ADMINISTRATIVE

#: What processes write about themselves, whoever asks for what.
_OWN_TIME = {
    "api_keys", "clocks", "pace", "refusals", "request_counts", "service_calls", "service_models", "services",
}  # fmt: skip


async def _digest(world: World) -> dict[str, str]:
    """Return a digest of every table."""
    async with world.live.deps.database.connection() as connection:
        tables = await connection.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        )
        return {
            name: await connection.fetchval(
                f"select count(*) || '/' || coalesce(sum(hashtextextended(t::text, 0)), 0) from {name} t"
            )
            for (name,) in tables
            if name not in _OWN_TIME
        }


async def test_everybody_gets_what_the_table_says(world: World) -> None:
    """401, 403, 404 as the table prescribes, for each operation and caller; none of it leaves a trace in any table."""
    before = await _digest(world)
    allowed: list[tuple[Somebody, str, str, dict[str, object]]] = []
    wrong = []
    for method, path, operation in world.operations:
        name = operation["operationId"]
        for who in world.people:
            wanted = who.expected(name, RULES[name])
            if wanted is None:
                allowed.append((who, method, path, operation))
                continue
            response = await world.call(who, method, path, operation, key_of(world, path))
            got = 200 if response is None else response.status_code
            if got not in wanted:
                wrong.append((name, who.name, got, wanted, response and response.text[:200]))
            elif got == 200 and response is not None:
                assert world.ids["project_id"] not in response.text, (name, who.name)
    assert wrong == []
    after = await _digest(world)
    assert {name for name in after if after[name] != before.get(name)} == set()
    for who, method, path, operation in allowed:
        response = await world.call(who, method, path, operation, key_of(world, path))
        got = 200 if response is None else response.status_code
        # The examples ask for tasks of a service; the table does not know whose token is for which.
        asks = operation["operationId"] in {"claim_tasks", "report_outcomes"}
        if (got in {401, 403}) != (asks and who.name == "worker of another service") or got >= 500:
            wrong.append((operation["operationId"], who.name, got, None, response and response.text[:200]))
    assert wrong == []


async def test_each_administrative_act_is_written_down(world: World) -> None:
    """Whoever adds an operation that administers writes its line of the audit log: act, object, request and address."""
    operator = world.people[-1]
    done, silent = set(), []
    for method, path, operation in world.operations:
        name = operation["operationId"]
        if name not in ADMINISTRATIVE:
            continue
        await renew(world)
        response = await world.call(operator, method, path, operation, key_of(world, path))
        assert response is not None
        assert response.status_code < 300, (name, response.text)
        done.add(name)
        entries = (await world.live.operator.get("/audit", params={"act": name, "limit": 1})).json()["items"]
        if [item["request_id"] for item in entries] != [response.headers["x-request-id"]]:
            silent.append(name)
    assert silent == []
    assert done == ADMINISTRATIVE
    text = (await world.live.operator.get("/audit", params={"limit": 100})).text
    assert "whsec_" not in text
    assert "hash" not in text
    page = f"/projects/{world.ids['project_id']}/audit"
    mine = (await world.live.user.get(page, params={"act": "put_project_style"})).json()["items"]
    assert [(item["before"], item["after"]) for item in mine] == [({"version": 0}, {"version": 1})]
    async with world.live.deps.database.connection() as connection:
        for statement in ("update audit set act = 'x'", "delete from audit", "truncate audit"):
            try:
                await connection.execute(statement)
            except asyncpg.RestrictViolationError:
                continue
            raise AssertionError(statement)
