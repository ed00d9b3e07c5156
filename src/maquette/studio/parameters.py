"""Numbers among a step's parameters, within bounds."""

import math

from maquette.studio.errors import StudioInputError
from maquette.worker.handler import Context


def number(context: Context, name: str, default: float, low: float, high: float) -> float:
    """Read a number from the parameters, ``default`` when absent or null; refused outside its bounds."""
    value = context.params.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise StudioInputError("parameter_invalid", f"{name} must be a number, not {value!r:.40}.")
    if not low <= value <= high:
        raise StudioInputError("parameter_invalid", f"{name} must lie between {low:g} and {high:g}.")
    return float(value)
