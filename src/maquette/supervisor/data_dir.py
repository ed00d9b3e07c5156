"""What Maquette keeps in its data directory besides database and files: keys, credentials and who is running."""

import dataclasses
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maquette.settings import Settings
from maquette.supervisor.errors import SupervisorError

CREDENTIALS_FILE = "credentials.json"
STATE_FILE = "up.json"
#: What whoever has it can do everything with.
SECRET_FILES = (CREDENTIALS_FILE, "signing.key", "webhook.key", "worker.token")


def make_data_dir(path: Path) -> None:
    """Create the data directory, private to its owner, unless it exists."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SupervisorError(
            f"The data directory {path} cannot be made: {error.strerror}. Choose another with MAQUETTE_DATA_DIR."
        ) from None


def with_secrets(settings: Settings) -> Settings:
    """Fill in the keys and the worker token from the data directory, making what is missing (mode 0600)."""
    make_data_dir(settings.data_dir)
    return dataclasses.replace(
        settings,
        signing_key=settings.signing_key or _kept_secret(settings.data_dir / "signing.key"),
        worker_token=settings.worker_token or _kept_secret(settings.data_dir / "worker.token"),
        webhook_key=settings.webhook_key or _kept_secret(settings.data_dir / "webhook.key"),
    )


def _kept_secret(path: Path) -> str:
    """Read the secret in ``path``, made when absent; of two processes that make it at once both get the same."""
    if not path.exists():
        descriptor, staging = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        try:
            os.link(staging, path)
        except FileExistsError:
            pass
        finally:
            Path(staging).unlink()
    value = path.read_text(encoding="ascii").strip()
    if len(value) < 16:
        raise SupervisorError(f"{path} holds no usable secret. Delete it to have a new one made.")
    return value


@dataclass(frozen=True, slots=True)
class State:
    """Where a running ``maquette up`` can be found."""

    url: str
    pid: int


def write_state(data_dir: Path, state: State) -> None:
    """Let client commands in the same directory find the running API."""
    staging = data_dir / f".{STATE_FILE}.{os.getpid()}"
    staging.write_text(json.dumps(dataclasses.asdict(state)) + "\n", encoding="utf-8")
    staging.replace(data_dir / STATE_FILE)


def remove_state(data_dir: Path) -> None:
    """Take back `write_state`."""
    (data_dir / STATE_FILE).unlink(missing_ok=True)


def read_state(data_dir: Path) -> State | None:
    """Find the running ``up``; None when there is none, or its file is left from one that was killed."""
    content = _read_json(data_dir / STATE_FILE)
    try:
        state = State(url=content["url"], pid=content["pid"])
        os.kill(state.pid, 0)
    except (KeyError, TypeError, ProcessLookupError):
        return None
    except PermissionError:  # alive, and somebody else's
        return state
    return state


def read_credentials(data_dir: Path) -> dict[str, Any]:
    """Read the credentials that the first ``up`` made; empty when there are none."""
    return _read_json(data_dir / CREDENTIALS_FILE)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise SupervisorError(
            f"{path} belongs to another user. Set MAQUETTE_API_KEY and MAQUETTE_URL instead."
        ) from None
    except ValueError:
        raise SupervisorError(f"{path} is damaged. Delete it and run `maquette up` again.") from None
    return content if isinstance(content, dict) else {}
