"""Members: people who sign in with a provider, what they are in projects, and when that ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_api import Live, client_of, open_live
from local_issuer import LocalIssuer, serving

from maquette.domain.oidc import parse_algorithms, parse_grants, parse_issuers, subject_of
from maquette.settings import SettingsError, load

ADA, BOB = "usr_00000000000000000000000001", "usr_00000000000000000000000002"


@dataclass
class Studio:
    """An installation that believes a provider."""

    live: Live
    issuer: LocalIssuer

    @property
    def members(self) -> str:
        return f"/projects/{self.live.project_id}/members"

    def as_(self, name: str, **more: Any) -> httpx.AsyncClient:
        """Return a client of somebody whom the provider knows."""
        return client_of(self.live.app, self.issuer.token(sub=name, **more))

    def invitation(self, name: str, role: str) -> dict[str, Any]:
        return {"role": role, "issuer": self.issuer.url, "external_id": name}


@pytest.fixture
async def studio(database_url: str, tmp_path: Path) -> AsyncIterator[Studio]:
    async with (
        serving() as issuer,
        open_live(
            database_url,
            tmp_path,
            outbound_allow="127.0.0.1",
            oidc_issuers=f"{issuer.url}=maquette",
            oidc_groups_claim="groups",
            oidc_operator_groups="admins",
        ) as live,
    ):
        yield Studio(live, issuer)


async def test_somebody_is_invited_before_the_first_visit(studio: Studio) -> None:
    """By issuer and name; then his token opens the project at once, and the list shows who he is and that he came."""
    ada = studio.as_("ada", email="ada@example.com")
    me = (await ada.get("/me")).json()
    assert (me["kind"], me["projects"]) == ("user", [])
    assert (await ada.get("/jobs")).json()["items"] == []
    assert (await ada.get(f"/projects/{studio.live.project_id}")).status_code == 404
    invited = await studio.live.user.post(studio.members, json=studio.invitation("bob", "artist"))
    assert invited.status_code == 201
    assert invited.json()["subject"] == subject_of(studio.issuer.url, "bob")
    bob = studio.as_("bob", email="bob@example.com")
    job = {"project_id": studio.live.project_id, "asset_type": "2D", "prompt": "a fox"}
    made = await bob.post("/jobs", json=job)
    assert (made.status_code, made.json()["created_by"]) == (201, invited.json()["subject"])
    review = {"step": "text_to_image", "revision": 0, "decision": "approved"}
    assert (await bob.post(f"/jobs/{made.json()['id']}/review", json=review)).status_code == 403
    await studio.live.deps.identity.flush()
    [shown] = (await studio.live.user.get(studio.members)).json()["items"]
    assert (shown["external_id"], shown["email"], shown["role"]) == ("bob", "bob@example.com", "artist")
    assert shown["last_seen_at"] is not None
    again = await studio.live.user.post(studio.members, json=studio.invitation("bob", "owner"))
    assert again.status_code == 409
    by_subject = await studio.live.user.post(
        studio.members, json={"role": "viewer", "subject": me["subject"]}
    )
    assert by_subject.status_code == 201


async def test_a_membership_that_ends_is_believed_two_seconds_more(studio: Studio) -> None:
    """Taking somebody out, and giving him less, holds for tokens that are good for minutes."""
    await studio.live.user.put(f"{studio.members}/{ADA}", json={"role": "owner"})
    bob = studio.as_("bob")
    subject = (await bob.get("/me")).json()["subject"]
    await studio.live.user.put(f"{studio.members}/{subject}", json={"role": "reviewer"})
    studio.live.deps.identity._known.clear()
    address = f"/projects/{studio.live.project_id}"
    assert (await bob.get(address)).status_code == 200
    assert (await studio.live.user.delete(f"{studio.members}/{subject}")).status_code == 204
    ended = time.monotonic()
    while (await bob.get(address)).status_code != 404:
        assert time.monotonic() - ended < 2.5
        await asyncio.sleep(0.05)


async def test_a_token_is_not_believed_beyond_its_end(studio: Studio) -> None:
    """However often it is shown: the end counts, leeway included, not the last look."""
    await studio.live.operator.put(studio.members, json={"members": [studio.invitation("ada", "owner")]})
    ada = studio.as_("ada", exp=time.time() - 29.5)
    assert (await ada.get("/jobs")).status_code == 200
    await asyncio.sleep(0.6)
    refused = await ada.get("/jobs")
    assert (refused.status_code, refused.json()["detail"]) == (401, "This token is not valid.")
    counted = (await studio.live.nobody.get("/metrics")).text
    assert 'maquette_authentications_refused_total{reason="expired"} 1.0' in counted


async def test_a_group_makes_operators(studio: Studio) -> None:
    """Whoever is in the group may what operators may, under his own name."""
    root = studio.as_("root", groups=["admins"])
    me = (await root.get("/me")).json()
    assert (me["kind"], me["projects"]) == ("operator", None)
    made = await root.post("/projects", json={"name": "By a group"})
    assert (made.status_code, made.json()["created_by"]) == (201, subject_of(studio.issuer.url, "root"))


async def test_a_provider_that_is_away_is_a_503_for_its_people_alone(studio: Studio) -> None:
    """Keys go on; tokens wait; nothing is a 500."""
    studio.issuer.status = 500
    waiting = await studio.as_("ada").get("/jobs")
    assert (waiting.status_code, waiting.json()["code"]) == (503, "unavailable")
    assert (await studio.live.user.get("/jobs")).status_code == 200


async def test_the_last_owner_stays(live: Live) -> None:
    """Neither leaving, nor less, nor a new list without one; an operator may. Two at once do not get past that."""
    members = f"/projects/{live.project_id}/members"
    artist = await live.user.put(f"{members}/{BOB}", json={"role": "artist"})
    assert artist.status_code == 200  # without owners among members before, nobody is missed
    assert (await live.user.put(f"{members}/{ADA}", json={"role": "owner"})).status_code == 200
    for refused in (
        live.user.delete(f"{members}/{ADA}"),
        live.user.put(f"{members}/{ADA}", json={"role": "viewer"}),
        live.user.put(members, json={"members": [{"role": "viewer", "subject": BOB}]}),
        live.user.put(members, json={"members": []}),
    ):
        response = await refused
        assert (response.status_code, "without an owner" in response.json()["detail"]) == (409, True)
    assert (await live.user.put(f"{members}/{BOB}", json={"role": "owner"})).status_code == 200
    both = await asyncio.gather(live.user.delete(f"{members}/{ADA}"), live.user.delete(f"{members}/{BOB}"))
    assert sorted(response.status_code for response in both) == [204, 409]
    assert (await live.operator.put(members, json={"members": []})).json()["items"] == []


async def test_who_is_invited_must_be_said(live: Live) -> None:
    """One way or the other, not both, not neither, nobody twice, no id of another kind."""
    members = f"/projects/{live.project_id}/members"
    wrong = [
        {}, {"subject": "ada"}, {"subject": live.project_id}, {"issuer": "https://x.example"}, {"external_id": "x"},
        {"subject": ADA, "issuer": "https://x.example", "external_id": "x"}, {"issuer": "https://x.example", "external_id": "a\nb"},
        {"subject": ADA, "role": "king"}, {"issuer": "x\u202e", "external_id": "x"},
    ]  # fmt: skip
    for body in wrong:
        assert (await live.user.post(members, json={"role": "viewer", **body})).status_code == 422, body
        listed = {"members": [{"role": "viewer", **body}]}
        assert (await live.user.put(members, json=listed)).status_code == 422, body
    twice = {"members": [{"role": "viewer", "subject": ADA}, {"role": "owner", "subject": ADA}]}
    assert (await live.user.put(members, json=twice)).status_code == 422
    for odd in ("ada", "usr_x", live.project_id, "..%2f"):
        assert (await live.user.put(f"{members}/{odd}", json={"role": "viewer"})).status_code in {404, 405}
    assert (await live.user.delete(f"{members}/{ADA}")).status_code == 404
    assert (await live.user.get(members)).json()["items"] == []


def test_settings_of_providers_are_checked_at_the_start(tmp_path: Path) -> None:
    """A wrong one is told with the variable's name; right ones mean what they say."""
    for variable, value in (
        ("MAQUETTE_OIDC_ISSUERS", "https://login.example.com"),
        ("MAQUETTE_OIDC_ISSUERS", "login.example.com=maquette"),
        ("MAQUETTE_OIDC_ISSUERS", "https://a.example=x,https://a.example=y"),
        ("MAQUETTE_OIDC_ISSUERS", "https://[=x"),
        ("MAQUETTE_OIDC_ALGORITHMS", "RS256,HS256"),
        ("MAQUETTE_OIDC_ALGORITHMS", "none"),
        ("MAQUETTE_OIDC_ROLE_GROUPS", "artists=prj_x:artist"),
        ("MAQUETTE_OIDC_ROLE_GROUPS", "artists=prj_01kgh5s1d0f3c8m5y2w9x7v4tz:king"),
    ):
        with pytest.raises(SettingsError, match=variable):
            load({variable: value}, tmp_path)
    [first, second] = parse_issuers("https://a.example/x=m|cli, https://b.example=m")
    assert (first.url, first.audiences) == ("https://a.example/x", {"m", "cli"})
    assert second.url == "https://b.example"
    assert parse_algorithms("RS256, ES256") == {"RS256", "ES256"}
    assert parse_grants("a, b,", "").operators == {"a", "b"}
