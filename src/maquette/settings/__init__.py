"""Settings: what can be set (`values`), and how it is read (`reading`)."""

from maquette.settings.reading import (
    CONFIG_FILE,
    CONFIG_VARIABLE,
    SettingsError,
    environment,
    load,
    secret_values,
)
from maquette.settings.values import Settings

__all__ = [
    "CONFIG_FILE",
    "CONFIG_VARIABLE",
    "Settings",
    "SettingsError",
    "environment",
    "load",
    "secret_values",
]
