"""AWS credentials by the standard chain alone: variables, profiles, SSO, web identity, container, instance.

There is no setting for them, so they can be in no file or log of ours.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import botocore.session
from botocore.credentials import Credentials as Found
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError

from maquette.adapters.sigv4 import Credentials
from maquette.domain.errors import Unavailable

#: Temporary credentials are renewed by botocore 15 minutes before they end: what is this old is still good for long.
_FRESH_SECONDS, _STALE_SECONDS = 60.0, 300.0


class AwsCredentials:
    """The credentials of this process: renewed in a thread, so that signing does not wait for a metadata service."""

    def __init__(self, found: Found, now: Callable[[], float] = time.monotonic) -> None:
        self._found = found
        self._now = now
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="credentials")
        self._current = self._frozen()
        self._renewal: Future[tuple[float, Credentials]] | None = None

    def get(self) -> Credentials:
        """Return credentials that are good for minutes; waits only where nobody has asked for five of them.

        Errors: ``Unavailable`` when they ended and cannot be renewed.
        """
        with self._lock:  # obstore asks from threads of its own
            if self._renewal is not None and self._renewal.done():
                if self._renewal.exception() is None:
                    self._current = self._renewal.result()
                self._renewal = None
            age = self._now() - self._current[0]
            if age > _STALE_SECONDS:
                self._current = self._frozen()
            elif age > _FRESH_SECONDS and self._renewal is None:
                self._renewal = self._thread.submit(self._frozen)
            return self._current[1]

    def _frozen(self) -> tuple[float, Credentials]:
        try:
            frozen = self._found.get_frozen_credentials()
        except (
            BotoCoreError,
            RuntimeError,
        ) as error:  # RuntimeError: they ended and the source gives old ones
            raise Unavailable("The object store's credentials cannot be renewed.") from error
        ends = None
        if isinstance(self._found, RefreshableCredentials):
            ends = self._found._expiry_time.timestamp()  # noqa: SLF001 - there is no public way to ask
        return self._now(), Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token, ends)


def find() -> tuple[AwsCredentials | None, str | None]:
    """Ask the chain; return credentials and region, None for what it does not have."""
    session = botocore.session.Session()
    found = session.get_credentials()
    region: str | None = session.get_config_variable("region")
    return (None if found is None else AwsCredentials(found)), region
