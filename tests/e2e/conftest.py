"""One real installation for all stories; each story has a project of its own in it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from story import Api
from up_process import Up


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    """PostgreSQL, API, maintenance and the studio's workers, as a person starts them."""
    home = Path(tempfile.mkdtemp(prefix="maquette-e2e-"))
    installation = Up(home, heartbeat_seconds="1", lease_seconds="10")
    try:
        installation.start()
        yield installation
        status = installation.stop()
        assert (status, installation.leftovers()) == (0, []), installation.log_tail()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def operator(up: Up) -> Iterator[Api]:
    """The owner of the installation, in the project that it began with."""
    api = Api(lambda: up.url, up.key, up.project_id)
    yield api
    api.close()


@pytest.fixture
def new_project(operator: Api) -> Iterator[Callable[[str], Api]]:
    """Makes projects, each with a client that has a user's key of it and nothing more."""
    made: list[Api] = []

    def make(name: str) -> Api:
        project = operator.ok("POST", "/projects", json={"name": name})["id"]
        key = operator.ok("POST", f"/projects/{project}/keys", json={"name": name, "role": "owner"})["key"]
        made.append(Api(operator.where, key, project))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture
def api(new_project: Callable[[str], Api]) -> Api:
    """A user in a fresh project with the default gates."""
    return new_project("a story")


@pytest.fixture
def ungated(api: Api) -> Api:
    """The same, and jobs run through without a person."""
    api.ok("PUT", f"/projects/{api.project_id}/gates", json={"gates": []})
    return api
