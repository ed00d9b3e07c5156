"""Who may ask: keys, members, and oneself."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field
from pydantic_core import PydanticCustomError

from maquette.api.shapes.base import Shape, Timestamp
from maquette.domain.credentials import OVERLAP_SECONDS, OVERLAP_SECONDS_MAX
from maquette.domain.permissions import Kind, Role
from maquette.domain.text import NAME

_ISSUER = "https://login.example.com/realms/studio"


def _this_millennium(value: datetime) -> datetime:
    # At the ends of the calendar, conversion between time zones overflows.
    if not 2000 <= value.year < 3000:
        raise PydanticCustomError("value_error", "must lie between the years 2000 and 3000")
    return value


#: Not strict, so that a JSON string is parsed; it must say its offset.
Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_this_millennium)]
#: Not strict, for the same reason.
RoleName = Annotated[Role, Field(strict=False)]
_Scopes = Annotated[list[Annotated[str, Field(max_length=40)]] | None, Field(max_length=50)]


class OperatorKeyCreation(Shape):
    """A new key of an operator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Grace", "scopes": ["jobs:read"]}]})

    name: str = Field(min_length=1, max_length=NAME.points_max)
    scopes: _Scopes = Field(default=None, description="What it is narrowed to; all when left out.")
    expires_at: Moment | None = Field(default=None, description="RFC 3339; never when left out.")


class KeyCreation(OperatorKeyCreation):
    """A new API key of the project."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Ada's laptop", "role": "artist"},
                {"name": "build server", "role": "artist", "scopes": ["jobs:read", "jobs:write"]},
            ]
        }
    )

    role: RoleName = Field(default=Role.ARTIST, description="Its maker's at most.")


class WorkerTokenCreation(Shape):
    """A new token of workers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "GPU farm", "services": ["comfyui"]}]})

    name: str = Field(min_length=1, max_length=NAME.points_max)
    services: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]] | None = Field(
        default=None, min_length=1, max_length=50, description="The services it is for; all when left out."
    )
    expires_at: Moment | None = Field(default=None, description="RFC 3339; never when left out.")


class KeyRotation(Shape):
    """How to change a key's secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": OVERLAP_SECONDS}]})

    overlap_seconds: int = Field(
        default=OVERLAP_SECONDS,
        ge=0,
        le=OVERLAP_SECONDS_MAX,
        description="How long the old secret stays valid as well; 0 ends it at once.",
    )


class Key(Shape):
    """A key without its secret."""

    id: str
    project_id: str | None = Field(description="Null: an operator's key, or a token of workers.")
    name: str
    subject: str = Field(description="Whom the records name when it is used.")
    role: RoleName | None = Field(description="Null where there is no project to have one in.")
    scopes: list[str] | None = Field(description="What it is narrowed to; null: to nothing.")
    services: list[str] | None = Field(description="Services that a worker's token is for; null: all.")
    created_at: Timestamp
    created_by: str | None
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None = Field(description="To the minute.")
    overlap_until: Timestamp | None = Field(description="Until when the secret before is valid as well.")


class NewKey(Key):
    """A key with its text, which is shown this once."""

    key: str


class KeyPage(Shape):
    """Keys, newest first."""

    items: list[Key]
    next_cursor: str | None


class MemberRole(Shape):
    """What a member shall be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "reviewer"}]})

    role: RoleName


class MemberInvitation(MemberRole):
    """Somebody by subject, or by what an issuer calls him, whether he has been here or not."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "artist", "issuer": _ISSUER, "external_id": "248289761001"}]}
    )

    subject: str | None = Field(default=None, max_length=60, description="`usr_…`, as `GET /me` shows it.")
    issuer: str | None = Field(default=None, min_length=1, max_length=500)
    external_id: str | None = Field(
        default=None, min_length=1, max_length=255, description="The `sub` that the issuer knows him by."
    )


class MemberList(Shape):
    """Everybody who shall be a member; all others are none any more."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"members": [{"role": "owner", "issuer": _ISSUER, "external_id": "248289761001"}]}]
        }
    )

    members: list[MemberInvitation] = Field(max_length=1000)


class Member(Shape):
    """A member of a project."""

    subject: str
    role: RoleName
    issuer: str | None = Field(description="Null: nobody has said where this subject signs in.")
    external_id: str | None
    email: str | None = Field(description="As the issuer last said it; for people, it grants nothing.")
    added_at: Timestamp
    added_by: str
    last_seen_at: Timestamp | None = Field(description="To the minute; null: never.")


class MemberPage(Shape):
    """All members of a project."""

    items: list[Member]
    next_cursor: None


class Membership(Shape):
    """What the caller is in a project."""

    project_id: str
    role: RoleName


class Me(Shape):
    """Who is calling, as the API sees it."""

    kind: Kind
    subject: str
    projects: list[Membership] | None = Field(description="Null: every project.")
    scopes: list[str] | None = Field(description="What the key is narrowed to; null: to nothing.")
    services: list[str] | None = Field(description="Services that a worker's token is for; null: all.")
