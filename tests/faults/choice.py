"""How much is tried, and what is drawn: the same seed makes the same choice."""

import os

SEED = os.environ.get("MAQUETTE_FAULTS_SEED", "1")
#: Everything, for the long run; else a choice that fits into `make test`.
EVERYTHING = os.environ.get("MAQUETTE_FAULTS") == "all"
