"""docs/authentication.md: its example runs, its lists are whole."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from live_api import open_live, running
from local_issuer import serving

PAGE = Path(__file__).parents[2] / "docs" / "authentication.md"
PACKAGE = Path(__file__).parents[2] / "src" / "maquette"


async def test_the_example_runs(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of code on the page, one after the other, against the real API and a real provider."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    program = compile("\n".join(blocks), str(PAGE), "exec")
    closed: list[httpx.Client] = []

    class Closed(httpx.Client):
        """A client that the test closes: an example need not."""

        def __init__(self, **more: object) -> None:
            super().__init__(**more)  # type: ignore[arg-type]
            closed.append(self)

    monkeypatch.setattr(httpx, "Client", Closed)
    async with (
        serving() as issuer,
        open_live(
            database_url, tmp_path, outbound_allow="127.0.0.1", oidc_issuers=f"{issuer.url}=maquette"
        ) as live,
        running(live.app) as url,
    ):
        monkeypatch.setenv("MAQUETTE_URL", url)
        monkeypatch.setenv("MAQUETTE_API_KEY", live.tokens["operator"])
        monkeypatch.setenv("ADA_TOKEN", issuer.token(sub="ada"))
        monkeypatch.setenv("ISSUER", issuer.url)
        try:
            await asyncio.to_thread(exec, program, {})
        finally:
            for client in closed:
                client.close()


def test_every_reason_is_listed() -> None:
    """The table of reasons has each that the code gives, and none that it does not."""
    table = PAGE.read_text().split("| reason |")[1]
    listed = set(
        re.findall(
            r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
        )
    )
    sources = [
        PACKAGE / name
        for name in (
            "domain/oidc.py",
            "services/principals.py",
            "adapters/oidc_keys.py",
            "adapters/identity_oidc.py",
        )
    ]
    given = {found for path in sources for found in re.findall(r'refused\("(\w+)"\)', path.read_text())}
    assert listed == given | {"missing"}
