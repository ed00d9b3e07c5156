"""What all shapes share."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from maquette.api.json_guard import check_integers
from maquette.api.problems import MalformedJson
from maquette.domain.idempotency import canonical

METADATA_BYTES_MAX = 16 * 1024
METADATA_DEPTH_MAX = 8
METADATA_KEY_MAX = 128


class Shape(BaseModel):
    """A JSON object: no unknown fields, no guessing of types, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        check_integers(value)
    except MalformedJson as error:
        raise PydanticCustomError("value_error", "holds an integer of more than 64 bits") from error
    if len(canonical(value)) > METADATA_BYTES_MAX:
        raise PydanticCustomError("too_long", f"may have {METADATA_BYTES_MAX} bytes as JSON at most")
    _check_keys(value, METADATA_DEPTH_MAX)
    return value


def _check_keys(value: Any, depth: int) -> None:
    if not isinstance(value, dict | list):
        return
    if not depth:
        raise PydanticCustomError("value_error", f"may be nested {METADATA_DEPTH_MAX} levels deep at most")
    if isinstance(value, dict) and any(not 0 < len(key) <= METADATA_KEY_MAX for key in value):
        raise PydanticCustomError("value_error", f"needs keys of 1 to {METADATA_KEY_MAX} characters")
    for item in value.values() if isinstance(value, dict) else value:
        _check_keys(item, depth - 1)


Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_storable),
    Field(
        description="Anything of yours, at most 16 KiB as JSON, 8 levels deep, keys of 1 to 128 characters; comes back unchanged."
    ),
]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC.")]


class State(Shape):
    """How the process is."""

    status: str


class Root(Shape):
    """What answers here, and where to look next."""

    name: str
    version: str
    time: Timestamp
    urls: dict[str, str]
