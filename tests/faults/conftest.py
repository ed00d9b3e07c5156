"""An installation to be killed in parts, and one without processes whose connections are cut."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from house import House, furnish
from story import Api
from up_process import Up

from maquette.bootstrap import open_deps
from maquette.domain import typeid
from maquette.domain.principal import Principal
from maquette.services import quotas
from maquette.settings import Settings


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    """A real installation that soon notices what is lost: heartbeats every 0.4 s, leases of 2 s."""
    home = Path(tempfile.mkdtemp(prefix="maquette-faults-"))
    installation = Up(home, heartbeat_seconds="0.4", lease_seconds="2")
    try:
        installation.start()
        yield installation
        status = installation.stop()
        assert (status, installation.leftovers()) == (0, []), installation.log_tail()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def api(up: Up) -> Iterator[Api]:
    """The operator, wherever the installation is reached at the moment."""
    api = Api(lambda: up.url, up.key, up.project_id)
    yield api
    api.close()


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """Services over a real database, a worker played by the test; every step costs a tenth of a dollar."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    async with open_deps(settings) as deps:
        made = await furnish(deps)
        operator = Principal("operator", "usr_operator")
        prices = {step: {"per_attempt": 0.1} for step in ("text_to_image", "refine", "export")}
        await quotas.put_rates(deps, operator, "studio", prices)
        budget = {"limits": {"cost_per_month": 1000, "jobs_per_day": 1000}}
        await quotas.put(deps, operator, typeid.decode("prj", made.project), budget)
        yield made
