"""A check of where files are kept, when that is not the data directory."""

import asyncio

from maquette.cli.doctor.finding import Finding, broken, ok, skipped
from maquette.cli.doctor.scene import Scene
from maquette.domain.errors import MaquetteError
from maquette.settings import SettingsError


def objects(scene: Scene) -> Finding:
    """Can a file be written, read and deleted there, and who vouches for what is uploaded."""
    if not scene.settings.objects:
        return skipped("files are kept in the data directory")
    from maquette.wiring.stores import try_store

    try:
        return ok(f"{scene.settings.objects}: {asyncio.run(try_store(scene.settings))}")
    except SettingsError as error:
        return broken(str(error), "See docs/storage.md.")
    except MaquetteError as error:
        return broken(
            f"{scene.settings.objects}: {error.message}",
            "Check bucket, region, MAQUETTE_S3_ENDPOINT and the policy of the credentials: docs/storage.md lists what it needs.",
        )
