"""Moderation: what is judged, what may be objected to it, and what a policy says of moderators outside."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from maquette.domain.errors import Detail, Invalid
from maquette.domain.idempotency import canonical
from maquette.domain.parameters import PARAMETERS
from maquette.domain.ruling import Answer, Stage
from maquette.domain.safety import ALONE, POLICY_VERSION, Compiled, compiled, parse

EVIDENCE_MAX = 20
#: A larger picture is shown to no moderator outside: a person has to look at it.
IMAGE_BYTES_MAX = 20 * 1024 * 1024
_RANKS: Mapping[Answer, int] = {"allow": 0, "hold": 1, "block": 2}
#: Nobody but the platform's operators decides about these, whoever objected.
GRAVE = frozenset({"sexual_minors"})


class Subject(NamedTuple):
    """One thing to judge: a text or an image."""

    where: str
    """What it is called where a person sees it: a field's path, a file's name."""
    text: str = ""
    image: bytes = b""
    media_type: str = ""
    avoided: bool = False
    """It names what is not wanted: a negative prompt."""


@dataclass(frozen=True, slots=True)
class Objection:
    """What a moderator has against a subject, and what follows by the policy."""

    category: str
    answer: Answer
    where: str
    rule: str
    source: str
    """Whose rule: ``floor``, ``platform``, ``project``, or ``outside`` for a moderator outside."""
    span: tuple[int, int] | None = None
    """Characters of the text that it is about."""
    view: str = ""
    """How the text had to be looked at to see it."""
    score: float | None = None
    """How sure a moderator outside is, from 0 to 1."""

    def evidence(self) -> dict[str, Any]:
        """Return it as it is kept and shown."""
        fields = {
            "category": self.category,
            "answer": self.answer,
            "where": self.where,
            "rule": self.rule,
            "source": self.source,
            "span": self.span and list(self.span),
            "view": self.view,
            "score": self.score,
        }
        return {name: value for name, value in fields.items() if value is not None and value != ""}


def worst(answers: Iterable[Answer]) -> Answer:
    """Return the strictest answer; ``allow`` when there is none."""
    return max(answers, key=_RANKS.__getitem__, default="allow")


def for_operators(verdict: Answer, evidence: Sequence[Mapping[str, Any]]) -> bool:
    """Whether only the platform's operators may say otherwise.

    A project's reviewers decide about what the project's own rules found, and about what a moderator outside was
    not sure of.
    """
    return any(
        item["source"] in {"floor", "platform"}
        or (item["source"] == "outside" and item["answer"] == "block")
        or item["category"] in GRAVE
        for item in evidence
    ) or (verdict == "block" and not evidence)


Failure = Literal["allow", "hold", "refuse"]
"""What follows when the moderator outside does not answer: open, closed, or the request is refused for now."""
_FAILURES: tuple[Failure, ...] = get_args(Failure)

#: OpenAI's categories (platform.openai.com/docs/guides/moderation) → ours.
OPENAI_CATEGORIES: Mapping[str, str] = {
    "sexual": "sexual",
    "sexual/minors": "sexual_minors",
    "harassment": "harassment",
    "harassment/threatening": "harassment",
    "hate": "hate",
    "hate/threatening": "hate",
    "illicit": "illicit",
    "illicit/violent": "weapons",
    "self-harm": "self_harm",
    "self-harm/intent": "self_harm",
    "self-harm/instructions": "self_harm",
    "violence": "violence",
    "violence/graphic": "gore",
}
_DEFAULT = (0.6, 0.9)
_THRESHOLDS: Mapping[str, tuple[float, float]] = {
    "sexual_minors": (0.1, 0.4),
    "hate": (0.4, 0.8),
    "self_harm": (0.4, 0.8),
    # Games are full of it: only what the moderator is nearly sure of is shown to a person.
    "violence": (0.97, 1.01),
    "gore": (0.9, 1.01),
}


@dataclass(frozen=True, slots=True)
class Outside:
    """What policies say of a moderator outside: when it is asked, how its scores are read, what if it is silent."""

    stages: frozenset[Stage] = frozenset(Stage)
    on_failure: Failure = "hold"
    thresholds: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(_THRESHOLDS))
    """Category → scores from which it is held and blocked; above 1: never."""
    categories: Mapping[str, str] = field(default_factory=lambda: dict(OPENAI_CATEGORIES))
    """The moderator's name of a category → ours; others keep their name."""

    def read(self, theirs: str, score: float) -> tuple[str, Answer]:
        """Return our category and what follows from a score."""
        category = self.categories.get(theirs, theirs)
        hold, block = self.thresholds.get(category, _DEFAULT)
        return category, "block" if score >= block else "hold" if score >= hold else "allow"

    def stricter(self, other: "Outside") -> "Outside":
        """Return what satisfies both: nothing that this one demands is given up."""
        names = {*self.thresholds, *other.thresholds}
        pairs = {
            name: (self.thresholds.get(name, _DEFAULT), other.thresholds.get(name, _DEFAULT))
            for name in names
        }
        return Outside(
            self.stages | other.stages,
            max(self.on_failure, other.on_failure, key=_FAILURES.index),
            {name: (min(a[0], b[0]), min(a[1], b[1])) for name, (a, b) in pairs.items()},
            {**other.categories, **self.categories},
        )


def parse_outside(body: Mapping[str, Any]) -> Outside:
    """Return the ``moderator`` part of a policy; ``Invalid`` names what is wrong."""
    problems = [
        Detail(
            ("moderator", name), "is not one of stages, on_failure, thresholds, categories", "unknown_field"
        )
        for name in body
        if name not in {"stages", "on_failure", "thresholds", "categories"}
    ]
    stages, failure = body.get("stages", list(Stage)), body.get("on_failure", "hold")
    if not isinstance(stages, list) or not {str(item) for item in stages} <= set(Stage):
        problems.append(
            Detail(("moderator", "stages"), f"must be a list of some of {', '.join(Stage)}", "value_error")
        )
        stages = []
    if failure not in _FAILURES:
        problems.append(
            Detail(("moderator", "on_failure"), f"must be one of {', '.join(_FAILURES)}", "value_error")
        )
    thresholds, wrong = _thresholds(body.get("thresholds", {}))
    categories = body.get("categories", {})
    if not isinstance(categories, dict) or not all(isinstance(item, str) for item in categories.values()):
        wrong.append(
            Detail(
                ("moderator", "categories"),
                "must name our category for each of the moderator's",
                "value_error",
            )
        )
        categories = {}
    problems += wrong
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    return Outside(
        frozenset(Stage(item) for item in stages),
        failure,
        {**_THRESHOLDS, **thresholds},
        {**OPENAI_CATEGORIES, **categories},
    )


@dataclass(frozen=True, slots=True)
class InForce:
    """All policies that hold in a project, as one."""

    rules: Compiled
    outside: Outside
    versions: Mapping[str, int]
    """By name: ``floor``, ``platform``, ``project``; 0: there is none."""

    @property
    def name(self) -> str:
        """Versions as they are kept with what was allowed: ``floor.platform.project``."""
        return policies_name(self.versions["platform"], self.versions["project"])


def policies_name(platform: int, project: int) -> str:
    """Return the versions of the policies in force as one text: ``floor.platform.project``."""
    return f"{POLICY_VERSION}.{platform}.{project}"


Versioned = tuple[int, Mapping[str, Any]]


def in_force(platform: Versioned | None, project: Versioned | None) -> InForce:
    """Return what the floor, the platform's policy over it and a project's over both come to."""
    versions = {
        "floor": POLICY_VERSION,
        "platform": platform[0] if platform else 0,
        "project": project[0] if project else 0,
    }
    outside = parse_outside(platform[1].get("moderator", {})) if platform else Outside()
    if project is not None and "moderator" in project[1]:
        outside = outside.stricter(parse_outside(project[1]["moderator"]))
    rules = compiled(
        [
            parse(given[1], source)
            for source, given in (("platform", platform), ("project", project))
            if given is not None
        ],
        over=ALONE,
    )
    return InForce(rules, outside, versions)


def _thresholds(body: Any) -> tuple[dict[str, tuple[float, float]], list[Detail]]:
    if not isinstance(body, dict) or len(body) > 100:
        return {}, [Detail(("moderator", "thresholds"), "must be an object of categories", "value_error")]
    found, problems = {}, []
    for name, pair in body.items():
        hold, block = (
            (pair.get("hold", 2.0), pair.get("block", 2.0)) if isinstance(pair, dict) else (0.0, 0.0)
        )
        if not all(isinstance(score, int | float) and 0 < score <= 2 for score in (hold, block)):
            problems.append(
                Detail(
                    ("moderator", "thresholds", name),
                    'must be like {"hold": 0.5, "block": 0.9}; a score above 1 means never',
                    "value_error",
                )
            )
        else:
            found[name] = (float(hold), float(block))
    return found, problems


def words(asset_type: str, effective: Mapping[str, Any]) -> list[Subject]:
    """Return every text that workers will be told: what somebody chose from a list is none.

    ``effective`` are a job's effective inputs, so that a new field cannot be forgotten here.
    """
    found: list[Subject] = []
    for step, params in effective["params"].items():
        listed = PARAMETERS[asset_type].get(step, {})
        for name, value in params.items():
            if name not in listed:
                _gather(value, f"{step}.{name}", found, avoided=name.startswith("negative"))
    return found


def _gather(value: Any, where: str, found: list[Subject], *, avoided: bool) -> None:
    if isinstance(value, str):
        if value:
            found.append(Subject(where, value, avoided=avoided))
    elif isinstance(value, dict):
        for name, item in value.items():
            _gather(item, f"{where}.{name}", found, avoided=avoided or str(name).startswith("negative"))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            _gather(item, f"{where}.{place}", found, avoided=avoided)


def told(outputs: Mapping[str, Any], files: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Subject]:
    """Return every text in what a worker says of its work: outputs, names of files, their attributes."""
    found: list[Subject] = []
    for name, value in outputs.items():
        _gather(value, f"outputs.{name}", found, avoided=name.startswith("negative"))
    for name, attributes in files:
        found.append(Subject("artifacts.name", name))
        _gather(attributes, f"artifacts.{name}", found, avoided=False)
    return found


def unsaid(subjects: Sequence[Subject], texts: Iterable[str]) -> list[Subject]:
    """Return the subjects with these texts blanked where they stand in them word for word; places stay as they are."""
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in texts))
    return [item._replace(text=pattern.sub(lambda said: " " * len(said[0]), item.text)) for item in subjects]


def digest(subjects: Sequence[Subject]) -> bytes:
    """Return what stands for these contents: equal ones have an equal digest, in whatever order they were read."""
    parts = sorted(
        [item.where, item.text, hashlib.sha256(item.image).hexdigest() if item.image else ""]
        for item in subjects
    )
    return hashlib.sha256(canonical(parts)).digest()
