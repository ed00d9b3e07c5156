"""Policies are data: what is wrong with one is named, and none can lower another."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.domain.errors import Invalid
from maquette.domain.safety import ALONE, FLOOR, Severity, Text, Threshold, compiled, judge, parse
from maquette.domain.safety.measure import corpus

_RANKS = {"allow": 0, "hold": 1, "block": 2}
_SEVERITIES = st.sampled_from(["low", "medium", "high", "critical"])
_CATEGORIES = st.sampled_from([*FLOOR.thresholds, "brand"])
_TEXTS = st.sampled_from([case.texts for case in corpus()[::7]])
_WORDS = st.sampled_from(
    [
        "child",
        "naked",
        "bomb",
        "how to make a bomb",
        "child porn",
        "knight",
        "heil hitler",
        "<18 year old",
        "concept art",
    ]
)


def _rules(kinds: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    return [
        {"id": f"r{place}", "category": category, "severity": severity, "terms": [word]}
        for place, (category, severity, word) in enumerate(kinds)
    ]


_BODIES = st.fixed_dictionaries(
    {},
    optional={
        "rules": st.lists(st.tuples(_CATEGORIES, _SEVERITIES, _WORDS), max_size=3).map(_rules),
        "allow": st.lists(_WORDS, max_size=4),
        "thresholds": st.dictionaries(
            _CATEGORIES, st.dictionaries(st.sampled_from(["hold", "block"]), _SEVERITIES), max_size=4
        ),
    },
)


@given(_BODIES, _BODIES, _TEXTS)
def test_no_policy_lowers_what_another_says(
    platform: dict[str, Any], project: dict[str, Any], texts: tuple[Text, ...]
) -> None:
    """Whatever platform and project say: each find of the floor is there, and its answer is no milder."""
    layers = [parse(platform, "platform"), parse(project, "project")]
    over = {item.rule: item for item in judge(compiled(layers, over=ALONE), texts) if item.source == "floor"}
    for item in judge(ALONE, texts):
        assert _RANKS[over[item.rule].answer] >= _RANKS[item.answer]


def test_a_project_can_be_stricter() -> None:
    """It lowers the severity from which the floor's own finds are held, and adds rules of its own."""
    strict = compiled([parse({"thresholds": {"violence": {"hold": "low"}}}, "project")], over=ALONE)
    assert judge(ALONE, [Text("a bloody sword")])[0].answer == "allow"
    assert judge(strict, [Text("a bloody sword")])[0].answer == "hold"


def test_thresholds_come_to_the_strictest() -> None:
    """None means never, so anything is stricter."""
    mine = Threshold(hold=None, block=Severity.CRITICAL)
    assert mine.stricter(Threshold(Severity.LOW, None)) == Threshold(Severity.LOW, Severity.CRITICAL)


_GOOD = {"id": "a", "category": "brand", "severity": "low", "terms": ["x"]}


@pytest.mark.parametrize(
    ("body", "where", "told"),
    [
        ({"rule": []}, ("rule",), "is not one of"),
        ({"rules": {}}, ("rules",), "list of at most 500"),
        ({"rules": ["x"]}, ("rules", 0), "must be an object"),
        ({"rules": [{**_GOOD, "pattern": "x"}]}, ("rules", 0), "one of terms, pattern and near"),
        ({"rules": [{**_GOOD, "severity": 3}]}, ("rules", 0, "severity"), "low, medium, high or critical"),
        ({"rules": [{**_GOOD, "id": "A B"}]}, ("rules", 0, "id"), "must be a name"),
        ({"rules": [_GOOD, _GOOD]}, ("rules",), "different ids"),
        ({"rules": [{**_GOOD, "terms": ["!?"]}]}, ("rules", 0, "terms", 0), "letter or a digit"),
        ({"rules": [{**_GOOD, "terms": ["x" * 101]}]}, ("rules", 0, "terms", 0), "at most 100 characters"),
        ({"rules": [{**_GOOD, "terms": [7]}]}, ("rules", 0, "terms"), "list of phrases"),
        ({"rules": [{"id": "a", "category": "b", "severity": "low", "near": ["x", "y"]}]}, ("rules", 0, "near"), "two to four"),
        ({"rules": [{**_GOOD, "within": 21}]}, ("rules", 0, "within"), "from 1 to 20"),
        ({"groups": {"a": ["x"] * 5_001}}, ("groups", "a"), "more than 5000"),
        ({"thresholds": {"gore": {"hold": "never"}}}, ("thresholds", "gore", "hold"), "low, medium"),
        ({"thresholds": {"gore": "low"}}, ("thresholds", "gore"), "must be an object"),
        ({"allow": "x"}, ("allow",), "list of phrases"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_policy_is_named(
    body: dict[str, Any], where: tuple[Any, ...], told: str
) -> None:
    """The detail says where, and what would be right."""
    with pytest.raises(Invalid) as caught:
        parse(body, "project")
    assert [item.loc for item in caught.value.details][:1] == [where]
    assert told in caught.value.details[0].msg


@pytest.mark.parametrize(
    "pattern", ["(a", "a(?=b)", r"(a)\1", "x*", "", "a" * 201, "(a{1,999}){1,999}", 7, "\ud800"]
)
def test_a_pattern_that_is_none_or_could_hurt_is_refused(pattern: object) -> None:
    """Syntax errors, what needs to go back over the text, what matches everywhere, what takes too much memory."""
    body = {"rules": [{"id": "a", "category": "brand", "severity": "low", "pattern": pattern}]}
    with pytest.raises(Invalid) as caught:
        parse(body, "project")
    assert caught.value.details[0].loc == ("rules", 0, "pattern")


def test_patterns_are_counted() -> None:
    """The fifty-first is refused."""
    rules = [{"id": f"p{n}", "category": "brand", "severity": "low", "pattern": "x+y"} for n in range(51)]
    parse({"rules": rules[:50]}, "project")
    with pytest.raises(Invalid, match="more than 50"):
        parse({"rules": rules}, "project")
