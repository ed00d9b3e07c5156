"""Where files are kept and who serves them, as the settings say. What only S3 or CloudFront needs is imported for them."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from maquette.adapters.cdn_own import OwnCdn
from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.signing import SigningKey
from maquette.domain.errors import Unavailable
from maquette.ports import Cdn, ObjectStore
from maquette.settings import Settings, SettingsError
from maquette.settings.files import parse_key_files
from maquette.wiring.sinks import missing_extra


def open_objects(settings: Settings) -> ObjectStore:
    """Return the object store; ``SettingsError`` says what is wrong with what was set."""
    return _s3(settings) if settings.objects else local_objects(settings)


def local_objects(settings: Settings) -> LocalObjects:
    """Return the object store in the data directory."""
    try:
        return LocalObjects(
            settings.data_dir / "objects",
            keys=_signing_keys(settings),
            base_url=settings.base_url + settings.root_path,
            object_bytes_max=settings.upload_bytes_max,
        )
    except OSError as error:
        raise SettingsError(f"MAQUETTE_DATA_DIR: files cannot be kept there: {error}.") from None


def open_cdn(settings: Settings, objects: ObjectStore) -> Cdn:
    """Return who serves files: a CDN where one is set, else the store itself."""
    if settings.cloudfront_keys:
        return _cloudfront(settings)
    if not settings.cdn_base_url:
        return objects
    return OwnCdn(settings.cdn_base_url, _signing_keys(settings))


async def try_store(settings: Settings) -> str:
    """Write, look at, read and delete a small object; return what was found, in words.

    Errors: ``SettingsError`` for what is set wrong, ``Unavailable`` for a store that is away or refuses us.
    """
    objects = open_objects(settings)
    key, data = f"probes/{secrets.token_hex(16)}/probe.txt", b"maquette doctor"

    async def stream() -> AsyncIterator[bytes]:
        yield data

    stored = await objects.put(
        key,
        stream(),
        bytes_=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        media_type="text/plain",
    )
    try:
        found = await objects.stat(key), b"".join([piece async for piece in objects.read(key, start=9)])
    finally:
        await objects.delete(key)
    if found != (stored, data[9:]) or await objects.stat(key) is not None:
        raise Unavailable("The object store does not give back what it was given, or keeps what was deleted.")
    if not settings.objects:
        return "files can be written, read and deleted"
    from maquette.adapters.objects_s3 import S3Objects

    checks = isinstance(objects, S3Objects) and await objects.holds_senders()
    how = (
        "the store checks their checksums"
        if checks
        else "the store checks no checksums: each is read once more"
    )
    return f"files can be written, read and deleted; of uploads, {how}"


def _signing_keys(settings: Settings) -> list[SigningKey]:
    secret = settings.signing_key.encode()
    return [SigningKey(hashlib.sha256(b"kid" + secret).hexdigest()[:8], secret)]


def _s3(settings: Settings) -> ObjectStore:
    try:
        from maquette.adapters import aws_credentials
        from maquette.adapters.objects_s3 import OBJECT_BYTES_MAX, S3Objects
        from maquette.adapters.s3_place import parse_place
    except ImportError:
        raise missing_extra("MAQUETTE_OBJECTS", "aws") from None
    credentials, region = aws_credentials.find()
    if credentials is None:
        raise SettingsError(
            "MAQUETTE_OBJECTS is in S3, but AWS's own chain (variables, profile, container, instance) has no credentials."
        )
    if settings.upload_bytes_max > OBJECT_BYTES_MAX:
        raise SettingsError(
            f"MAQUETTE_UPLOAD_BYTES_MAX: S3 takes {OBJECT_BYTES_MAX} bytes by one link at most."
        )
    try:
        place = parse_place(
            settings.objects,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region or region or "",
            addressing=settings.s3_addressing,
            encryption=settings.s3_encryption,
            kms_key=settings.s3_kms_key,
        )
    except ValueError as error:
        raise SettingsError(f"MAQUETTE_OBJECTS, MAQUETTE_S3_*: {error}.") from None
    return S3Objects(place, credentials.get, object_bytes_max=settings.upload_bytes_max)


def _cloudfront(settings: Settings) -> Cdn:
    try:
        from maquette.adapters.cdn_cloudfront import CloudFrontCdn, CloudFrontKey
    except ImportError:
        raise missing_extra("MAQUETTE_CLOUDFRONT_KEYS", "aws") from None

    def key(id_: str, file: Path) -> CloudFrontKey:
        try:
            return CloudFrontKey.read(id_, file.expanduser().read_bytes())
        except OSError as error:
            reason = str(error.strerror)
        except ValueError as error:
            reason = str(error)
        raise SettingsError(f"MAQUETTE_CLOUDFRONT_KEYS: {file} cannot be used: {reason}.")

    return CloudFrontCdn(
        settings.cdn_base_url, [key(*item) for item in parse_key_files(settings.cloudfront_keys)]
    )
