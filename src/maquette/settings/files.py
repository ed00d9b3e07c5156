"""Settings of where files are kept, and of who serves them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maquette.settings.checks import address, parsed
from maquette.settings.field import setting

_KEY = re.compile(r"([A-Z0-9]{4,40})=(.+)", re.ASCII)


def parse_key_files(text: str) -> list[tuple[str, Path]]:
    """Read ``ID=FILE,ID=FILE``; ``ValueError`` for anything else."""
    found = [_KEY.fullmatch(part.strip()) for part in text.split(",") if part.strip()]
    if not all(found):
        raise ValueError("an id of capitals and digits, =, and a file")
    return [(item[1], Path(item[2])) for item in found if item is not None]


def _store(value: str) -> str | None:
    return None if value.startswith("s3://") else "an address such as s3://bucket/prefix"


@dataclass(frozen=True, kw_only=True)
class FileSettings:
    """A folder and the API itself, until something else is named."""

    objects: str = setting(
        "",
        "Where files are kept: `s3://BUCKET/PREFIX` (needs the extra `maquette[aws]`); empty: the data directory. Credentials "
        "come by AWS's own chain.",
        check=_store,
    )
    s3_endpoint: str = setting(
        "", "Address of the object store, where it is not Amazon's own.", check=address("http", "https")
    )
    s3_region: str = setting("", "Region of the bucket; empty: as AWS's own configuration says.")
    s3_addressing: Literal["auto", "path", "virtual"] = setting(
        "auto",
        "Whether the bucket is named in the path or in the host name; `auto`: in the host name at Amazon alone.",
    )
    s3_encryption: Literal["", "AES256", "aws:kms"] = setting(
        "", "How the store is told to encrypt files; empty: as the bucket's own configuration says."
    )
    s3_kms_key: str = setting("", "Key for `aws:kms`: its id, alias or ARN; empty: the account's own.")
    cdn_base_url: str = setting(
        "",
        "Address of a CDN in front: of the API where the data directory keeps the files, of the bucket with CloudFront. "
        "Empty: none, `cdn_url` is the store's own link.",
        check=address("http", "https"),
    )
    cloudfront_keys: str = setting(
        "",
        "Keys that CloudFront links are signed with: `ID=FILE` of a private key in PEM form, separated by commas. The first "
        "signs.",
        check=parsed(parse_key_files, "such as K2JCJMDEHXQW5F=/etc/maquette/cloudfront.pem"),
    )
