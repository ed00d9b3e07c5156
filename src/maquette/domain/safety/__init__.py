"""Content safety: policies as data, what they find in texts, and what follows from it.

``judge(compiled([FLOOR, …]), [Text("…")])``. Pure; linear in the texts; a policy over the floor can only be stricter.
"""

from maquette.domain.safety.floor import ALONE, FLOOR, POLICY_VERSION
from maquette.domain.safety.matcher import Compiled, Finding, Text, compiled, judge
from maquette.domain.safety.policy import CATEGORIES, Policy, Rule, Severity, Threshold, parse

__all__ = [
    "ALONE",
    "CATEGORIES",
    "FLOOR",
    "POLICY_VERSION",
    "Compiled",
    "Finding",
    "Policy",
    "Rule",
    "Severity",
    "Text",
    "Threshold",
    "compiled",
    "judge",
    "parse",
]
