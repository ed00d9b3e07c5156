"""``maquette doctor``: a table of small checks, each of which says in a line what is wrong and what to do."""

from maquette.cli.doctor.command import register

__all__ = ["register"]
