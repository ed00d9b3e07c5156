"""What the checks look at. What several of them ask for is asked once."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from maquette.settings import Settings, SettingsError, load
from maquette.settings.field import PREFIX
from maquette.store.diagnosis import Diagnosis, diagnose
from maquette.supervisor import cluster
from maquette.supervisor.data_dir import State, read_credentials, read_state
from maquette.supervisor.errors import SupervisorError

SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, or why there was none. ``skew`` is how far the server's clock is ahead of ours."""

    status: int = 0
    body: Any = None
    error: str = ""
    skew: timedelta | None = None


@dataclass(frozen=True)
class Scene:
    """An environment, a working directory, and the settings that follow from them."""

    variables: Mapping[str, str]
    directory: Path
    python: tuple[int, int] = field(default_factory=lambda: sys.version_info[:2])

    @classmethod
    def here(cls) -> "Scene":
        """Return the scene of this process."""
        return cls(os.environ, Path.cwd())

    @cached_property
    def settings_error(self) -> str:
        """Why the settings cannot be used; empty when they can."""
        try:
            load(self.variables, self.directory)
        except SettingsError as error:
            return str(error)
        return ""

    @cached_property
    def settings(self) -> Settings:
        """The settings; the defaults where those given cannot be used, so that the other checks go on."""
        if self.settings_error:
            kept = {
                name: value for name, value in self.variables.items() if name == f"{PREFIX}DATA_DIR" and value
            }
            return load({**kept, f"{PREFIX}CONFIG": os.devnull}, self.directory)
        return load(self.variables, self.directory)

    @cached_property
    def state(self) -> State | None:
        """The running ``maquette up`` of the data directory."""
        try:
            return read_state(self.settings.data_dir)
        except (SupervisorError, OSError):
            return None

    @cached_property
    def credentials(self) -> dict[str, Any]:
        """Key and project that ``up`` made; empty when they cannot be read."""
        try:
            return read_credentials(self.settings.data_dir)
        except (SupervisorError, OSError):
            return {}

    @property
    def api_key(self) -> str:
        """The key that commands here would use."""
        return self.settings.api_key or str(self.credentials.get("api_key", ""))

    @property
    def project_id(self) -> str:
        """The project that commands here would use."""
        return self.settings.project_id or str(self.credentials.get("project_id", ""))

    @property
    def api_url(self) -> str:
        """Where commands here look for the API."""
        return self.settings.url or (self.state.url if self.state else self.settings.local_url)

    @cached_property
    def root(self) -> Reply:
        """What the API says about itself."""
        return self.get("/")

    def get(self, path: str, *, key: str = "") -> Reply:
        """Ask the API once."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        begun = time.monotonic()
        try:
            answer = httpx.get(self.api_url.rstrip("/") + path, headers=headers, timeout=SECONDS_MAX)
        except httpx.HTTPError as error:
            return Reply(error=str(error) or type(error).__name__)
        middle = datetime.now(UTC) - timedelta(seconds=(time.monotonic() - begun) / 2)
        try:
            body = answer.json()
        except ValueError:
            body = None
        return Reply(answer.status_code, body, skew=_skew(body, middle))

    @cached_property
    def database_url(self) -> str:
        """The database here: as set, or the embedded one while it runs; empty when there is none to ask."""
        if self.settings.direct_url:
            return self.settings.direct_url
        home = self.settings.data_dir / "postgres"
        try:
            password = (home / "password").read_text(encoding="ascii").strip()
            lines = (home / "cluster" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return f"postgresql://{cluster.ROLE}:{password}@127.0.0.1:{int(lines[3])}/{cluster.DATABASE}"
        except (OSError, ValueError, IndexError):
            return ""

    @cached_property
    def database(self) -> Diagnosis | str:
        """What the database says, or why it could not be asked."""
        try:
            return asyncio.run(diagnose(self.database_url, seconds_max=SECONDS_MAX))
        except TimeoutError:
            return f"no answer within {SECONDS_MAX:g} s"
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return str(error) or type(error).__name__


def _skew(body: Any, now: datetime) -> timedelta | None:
    try:
        return datetime.fromisoformat(body["time"]) - now
    except (TypeError, KeyError, ValueError):
        return None
