"""The floor: the platform's rules that no project can lower. They ship as data and are read once, on import."""

import tomllib
from importlib import resources
from typing import Any

from maquette.domain.safety.matcher import Compiled, compiled
from maquette.domain.safety.policy import Policy, parse

_BODY: dict[str, Any] = tomllib.loads(
    resources.files("maquette.domain.safety").joinpath("floor.toml").read_text("utf-8")
)
POLICY_VERSION: int = _BODY.pop("version")
FLOOR: Policy = parse(_BODY, "floor")
ALONE: Compiled = compiled([FLOOR])
"""The floor without another policy over it."""
