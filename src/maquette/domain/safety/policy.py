"""Safety policies as data: rules, thresholds, allow-lists; how they are read and what several of them come to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

import re2  # type: ignore[import-untyped]  # it comes without stubs

from maquette.domain.errors import Detail, Invalid

Answer = Literal["allow", "hold", "block"]


class Severity(IntEnum):
    """How grave a find is."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


CATEGORIES: Mapping[str, str] = {
    "sexual": "sexual acts and nudity",
    "sexual_minors": "minors in a sexual light",
    "violence": "violence against people",
    "gore": "real cruelty, shown for its own sake",
    "hate": "hatred of people for what they are",
    "harassment": "threats and abuse of somebody",
    "self_harm": "suicide and hurting oneself",
    "weapons": "how to make weapons",
    "drugs": "how to make or get drugs",
    "extremism": "praise of and recruiting for terror",
    "illicit": "other crimes: fraud, theft, trafficking",
    "personal_data": "what identifies a private person",
    "ip": "names and brands of others",
}
"""What the floor knows; a policy may name others of its own."""
#: Named in order to be avoided, these are found all the same: there is no honest reason to.
NEVER_EXCUSED = frozenset({"sexual_minors"})

RULES_MAX = 500
TERMS_MAX = 5_000
PATTERNS_MAX = 50
PATTERN_LENGTH_MAX = 200
#: Bytes that a pattern may compile to: `(?:a{1,100}){1,100}` would take megabytes.
PATTERN_MEMORY_MAX = 256 * 1024
PHRASE_WORDS_MAX = 8
PHRASE_LENGTH_MAX = 100
WITHIN_MAX = 20
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,59}")
_NEVER = 9


@dataclass(frozen=True, slots=True)
class Threshold:
    """Severities from which a category's finds are held for a person, and blocked; None: never."""

    hold: Severity | None = None
    block: Severity | None = None

    def answer(self, severity: Severity) -> Answer:
        """Return what follows from a find."""
        if severity >= (self.block or _NEVER):
            return "block"
        return "hold" if severity >= (self.hold or _NEVER) else "allow"

    def stricter(self, other: "Threshold") -> "Threshold":
        """Return the threshold that gives up neither's strictness."""
        return Threshold(_lower(self.hold, other.hold), _lower(self.block, other.block))


def _lower(one: Severity | None, other: Severity | None) -> Severity | None:
    return min((item for item in (one, other) if item is not None), default=None)


#: For categories that no policy speaks of: rules of a project's own are meant to be found.
DEFAULT = Threshold(Severity.MEDIUM, Severity.HIGH)


@dataclass(frozen=True, slots=True)
class Rule:
    """Terms, a pattern, or groups of words that must not stand near each other: exactly one of them."""

    id: str
    category: str
    severity: Severity
    terms: tuple[str, ...] = ()
    pattern: str = ""
    near: tuple[str, ...] = ()
    """Names of two groups or more."""
    within: int = 6
    """Words from the first to the last of them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules with what they share. ``source`` says whose they are."""

    source: str
    rules: tuple[Rule, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    """Phrases that excuse what this policy, and no other, would find in them."""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)


def merged(policies: Sequence[Policy]) -> Mapping[str, Threshold]:
    """Return the thresholds that hold under all policies: for each category the strictest that one names."""
    found: dict[str, Threshold] = {}
    for policy in policies:
        for category, threshold in policy.thresholds.items():
            found[category] = found[category].stricter(threshold) if category in found else threshold
    return found


@dataclass(slots=True)
class _Reader:
    """Reads a policy's body and gathers what is wrong with it."""

    problems: list[Detail] = field(default_factory=list)
    terms: int = 0
    patterns: int = 0

    def wrong(self, loc: tuple[str | int, ...], msg: str) -> None:
        self.problems.append(Detail(loc, msg, "value_error"))

    def known(self, body: Mapping[str, Any], names: set[str], loc: tuple[str | int, ...]) -> None:
        for name in set(body) - names:
            self.problems.append(
                Detail((*loc, name), f"is not one of {', '.join(sorted(names))}", "unknown_field")
            )

    def mapping(self, value: Any, loc: tuple[str | int, ...]) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self.wrong(loc, "must be an object")
        return {}

    def name(self, value: Any, loc: tuple[str | int, ...]) -> str:
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
        self.wrong(loc, "must be a name of lower-case letters, digits, . _ or -, at most 60")
        return ""

    def severity(self, value: Any, loc: tuple[str | int, ...]) -> Severity:
        if isinstance(value, str) and value.upper() in Severity.__members__:
            return Severity[value.upper()]
        self.wrong(loc, "must be low, medium, high or critical")
        return Severity.CRITICAL

    def phrases(self, value: Any, loc: tuple[str | int, ...]) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(loc, "must be a list of phrases")
            return ()
        self.terms += len(value)
        if self.terms > TERMS_MAX:
            self.wrong(loc, f"makes more than {TERMS_MAX} phrases in all")
            return ()
        for place, item in enumerate(value):
            self.phrase(item, (*loc, place))
        return tuple(value)

    def phrase(self, text: str, loc: tuple[str | int, ...]) -> None:
        if len(text) > PHRASE_LENGTH_MAX or len(text.split()) > PHRASE_WORDS_MAX:
            self.wrong(loc, f"must have at most {PHRASE_LENGTH_MAX} characters and {PHRASE_WORDS_MAX} words")
        elif not any(char.isalnum() for char in text):
            self.wrong(loc, "must hold a letter or a digit")

    def pattern(self, value: Any, loc: tuple[str | int, ...]) -> str:
        self.patterns += 1
        if self.patterns > PATTERNS_MAX:
            self.wrong(loc, f"is one of more than {PATTERNS_MAX}")
        elif not isinstance(value, str) or not 0 < len(value) <= PATTERN_LENGTH_MAX:
            self.wrong(loc, f"must be a pattern of at most {PATTERN_LENGTH_MAX} characters")
        elif (compiled := self.compiled(value, loc)) is not None:
            if compiled.search("") is not None:
                self.wrong(loc, "must not match the empty text: it would match everywhere")
            return value
        return ""

    def compiled(self, value: str, loc: tuple[str | int, ...]) -> Any:
        try:
            return compile_pattern(value)
        except re2.error as error:
            reason = error.args[0].decode(errors="replace") if error.args else "no reason given"
            self.wrong(loc, f"is no pattern of RE2: {reason}")
        except UnicodeEncodeError:
            self.wrong(loc, "must be text")
        return None


def compile_pattern(pattern: str) -> Any:
    """Return the pattern of RE2, which takes time linear in the text, whatever the pattern."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = PATTERN_MEMORY_MAX
    return re2.compile(pattern, options=options)


def parse(body: Mapping[str, Any], source: str) -> Policy:
    """Return a policy's rules; its ``moderator`` part is read elsewhere. ``Invalid`` names all that is wrong."""
    reader = _Reader()
    reader.known(body, {"rules", "groups", "allow", "thresholds", "moderator"}, ())
    groups = {
        reader.name(name, ("groups", name)): reader.phrases(items, ("groups", name))
        for name, items in reader.mapping(body.get("groups", {}), ("groups",)).items()
    }
    policy = Policy(
        source,
        tuple(_rules(reader, body.get("rules", []), groups)),
        groups,
        reader.phrases(body.get("allow", []), ("allow",)),
        {
            reader.name(name, ("thresholds", name)): _threshold(reader, item, ("thresholds", name))
            for name, item in reader.mapping(body.get("thresholds", {}), ("thresholds",)).items()
        },
    )
    ids = [rule.id for rule in policy.rules]
    if len(set(ids)) != len(ids):
        reader.wrong(("rules",), "must have different ids")
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{'.'.join(map(str, first.loc))}: {first.msg}", details=reader.problems[:50])
    return policy


def _rules(reader: _Reader, rules: Any, groups: Mapping[str, Any]) -> Iterator[Rule]:
    if not isinstance(rules, list) or len(rules) > RULES_MAX:
        reader.wrong(("rules",), f"must be a list of at most {RULES_MAX} rules")
        return
    for place, item in enumerate(rules):
        loc = ("rules", place)
        body = reader.mapping(item, loc)
        reader.known(body, {"id", "category", "severity", "terms", "pattern", "near", "within"}, loc)
        if len({"terms", "pattern", "near"} & set(body)) != 1:
            reader.wrong(loc, "must have one of terms, pattern and near")
            continue
        near, within = body.get("near", []), body.get("within", 6)
        if "near" in body and not _names_groups(near, groups):
            reader.wrong((*loc, "near"), "must name two to four of the policy's groups")
            near = []
        if not isinstance(within, int) or not 1 <= within <= WITHIN_MAX:
            reader.wrong((*loc, "within"), f"must be a number of words from 1 to {WITHIN_MAX}")
            within = 1
        yield Rule(
            reader.name(body.get("id"), (*loc, "id")),
            reader.name(body.get("category"), (*loc, "category")),
            reader.severity(body.get("severity"), (*loc, "severity")),
            reader.phrases(body.get("terms", []), (*loc, "terms")),
            reader.pattern(body["pattern"], (*loc, "pattern")) if "pattern" in body else "",
            tuple(near),
            within,
        )


def _names_groups(near: Any, groups: Mapping[str, Any]) -> bool:
    return (
        isinstance(near, list)
        and 2 <= len(near) <= 4
        and all(isinstance(name, str) and name in groups for name in near)
    )


def _threshold(reader: _Reader, value: Any, loc: tuple[str | int, ...]) -> Threshold:
    body = reader.mapping(value, loc)
    reader.known(body, {"hold", "block"}, loc)
    return Threshold(
        **{
            name: reader.severity(body[name], (*loc, name))
            for name in ("hold", "block")
            if body.get(name) is not None
        }
    )
