"""AWS credentials by the standard chain alone: variables, profiles, SSO, web identity, container, instance.

There is no setting for them, so they can be in no file or log of ours.
"""

import contextlib
import time
from threading import Event, Thread

import botocore.session
from botocore.credentials import Credentials as Found
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError

from maquette.adapters.sigv4 import Credentials
from maquette.domain.errors import Unavailable

#: Temporary credentials are renewed by botocore 15 minutes before they end, when it is asked: it is, as often as this.
RENEWAL_SECONDS = 60.0
#: Between tries where somebody waits for them, so that who signs cannot make a storm at a metadata service.
_PAUSE_SECONDS = 1.0


class AwsCredentials:
    """The credentials of this process. A thread renews temporary ones.

    Who signs does so on the event loop, and a metadata service or STS may take a minute to answer.
    """

    def __init__(self, found: Found, *, renewal_seconds: float = RENEWAL_SECONDS) -> None:
        self._found = found
        self._current = self._frozen()
        self._wanted = Event()
        if isinstance(found, RefreshableCredentials):
            Thread(target=self._renew, args=(renewal_seconds,), name="credentials", daemon=True).start()

    def get(self) -> Credentials:
        """Return credentials that hold; never waits.

        Errors: ``Unavailable`` when they ended, until they are renewed.
        """
        current = self._current
        if current.expires_at is not None and current.expires_at <= time.time():
            self._wanted.set()
            raise Unavailable("The object store's credentials ended, and are not renewed yet.")
        return current

    def _renew(self, seconds: float) -> None:
        while True:
            self._wanted.wait(seconds)
            with contextlib.suppress(Unavailable):  # botocore has logged it
                self._current = self._frozen()
            if self._wanted.is_set():
                time.sleep(_PAUSE_SECONDS)
                self._wanted.clear()

    def _frozen(self) -> Credentials:
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
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token, ends)


def find() -> tuple[AwsCredentials | None, str | None]:
    """Ask the chain; return credentials and region, None for what it does not have."""
    session = botocore.session.Session()
    found = session.get_credentials()
    region: str | None = session.get_config_variable("region")
    return (None if found is None else AwsCredentials(found)), region
