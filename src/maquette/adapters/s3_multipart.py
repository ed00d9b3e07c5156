"""One large object in parts, create-only: a part in memory at a time, and nothing is left of what fails.

By botocore's client, for obstore's multipart uploads cannot be held to ``If-None-Match``. Few processes store large
objects (workers send theirs by links, in one request): the client is loaded by those alone.
"""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from maquette.adapters.s3_place import S3Place
from maquette.adapters.sigv4 import Credentials
from maquette.domain.errors import Unavailable

#: With the 10,000 parts that S3 has at most, enough for the largest object of 5 GiB.
PART_BYTES = 16 * 1024 * 1024
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


async def store_in_parts(
    place: S3Place,
    credentials: Credentials,
    key: str,
    parts: AsyncIterator[bytes],
    attributes: Mapping[str, str],
    refusal: Callable[[Exception], Unavailable],
) -> bool:
    """Store what ``parts`` gives; False when the key is taken. What ``parts`` raises ends it, and is raised.

    The object becomes visible with the last request, or not at all. ``refusal`` says what an error of the store means.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    target = {"Bucket": place.bucket, "Key": place.name(key)}
    async with _client(place, credentials) as client:
        try:
            started = await client.create_multipart_upload(**target, **_described(place, attributes))
        except (BotoCoreError, ClientError) as error:
            raise refusal(_plain(error)) from None
        upload = {**target, "UploadId": started["UploadId"]}
        finished = False
        try:
            done = [await _part(client, upload, number, part) async for number, part in _numbered(parts)]
            await client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done}, IfNoneMatch="*")
            finished = True
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _TAKEN:
                return False
            raise refusal(_plain(error)) from None
        finally:
            if not finished:
                # A cancelled request, too. What cannot be removed now, the bucket's lifecycle rule does.
                with contextlib.suppress(BotoCoreError, ClientError):
                    await asyncio.shield(client.abort_multipart_upload(**upload))
    return True


def _client(place: S3Place, credentials: Credentials) -> Any:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    return get_session().create_client(
        "s3",
        endpoint_url=place.endpoint,
        region_name=place.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=AioConfig(
            s3={"addressing_style": "virtual" if place.virtual else "path"},
            # Each part has its Content-MD5, which every store checks; trailing checksums are Amazon's own.
            request_checksum_calculation="when_required",
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 4},
        ),
    )


def _described(place: S3Place, attributes: Mapping[str, str]) -> dict[str, Any]:
    known = {"Content-Type": "ContentType", "Cache-Control": "CacheControl"}
    described: dict[str, Any] = {known[name]: attributes[name] for name in known}
    described["Metadata"] = {name: value for name, value in attributes.items() if name not in known}
    if place.encryption:
        described["ServerSideEncryption"] = place.encryption
    if place.kms_key:
        described["SSEKMSKeyId"] = place.kms_key
    return described


async def _numbered(parts: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    number = 0
    async for part in parts:
        number += 1
        yield number, part


async def _part(client: Any, upload: Mapping[str, str], number: int, body: bytes) -> dict[str, Any]:
    digest = await asyncio.to_thread(hashlib.md5, body, usedforsecurity=False)
    answer = await client.upload_part(
        **upload,
        PartNumber=number,
        Body=body,
        ContentMD5=base64.b64encode(digest.digest()).decode(),
    )
    return {"PartNumber": number, "ETag": answer["ETag"]}


def _plain(error: Exception) -> Exception:
    """Return botocore's error in the form that `refusal` reads: with the code the store gave."""
    response = getattr(error, "response", None)
    code = response["Error"]["Code"] if response else type(error).__name__
    return ConnectionError(f"<Code>{code}</Code>")
