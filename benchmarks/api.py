"""The API process: the product's own ``serve``, but every key of its object store holds the same small file.

Files are what this benchmark leaves out, so the one thing replaced is the look at an uploaded file before an
outcome is accepted. Links are signed as ever.
"""

from collections.abc import Sequence
from unittest import mock

from benchmarks.sampling import sampled
from benchmarks.work import file_of
from maquette import bootstrap, settings
from maquette.adapters.objects_local import LocalObjects
from maquette.ports import StoredObject
from maquette.wiring import stores

_FILE = file_of("export")


class SameFileEverywhere(LocalObjects):
    """Local objects whose every key was uploaded."""

    async def stat(self, key: str) -> StoredObject:
        """Return what all steps declare."""
        return StoredObject(key, _FILE.bytes, _FILE.sha256, _FILE.media_type)

    async def stat_all(self, keys: Sequence[str]) -> Sequence[StoredObject]:
        """Return that of each."""
        return [await self.stat(key) for key in keys]


def main() -> None:
    """Serve with the settings of the environment until SIGTERM."""
    with mock.patch.object(stores, "LocalObjects", SameFileEverywhere), sampled("api"):
        bootstrap.serve(settings.load())


if __name__ == "__main__":
    main()
