"""``python -m maquette``: the same as the command ``maquette``."""

from maquette.cli.main import run

run()
