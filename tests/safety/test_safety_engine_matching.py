"""What rules find, however it is written, where they find it, and what it costs."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.domain.safety import ALONE, Text, compiled, judge, parse
from maquette.domain.safety.fold import fold, origins
from maquette.domain.safety.policy import CATEGORIES


def own(**body: Any) -> Any:
    """Return a policy of a project alone, with no floor below it."""
    return compiled([parse(body, "project")])


def rule(**more: Any) -> dict[str, Any]:
    """Return a rule that blocks."""
    return {"id": "r", "category": "brand", "severity": "high", **more}


BRAND = own(rules=[rule(terms=["gadgetron", "blue widget"])])


@pytest.mark.parametrize(
    ("text", "found", "view"),
    [
        ("a gadgetron robot", "gadgetron", "plain"),
        ("a GADGETRONS", "GADGETRONS", "plain"),
        ("a g4dg3tr0n robot", "g4dg3tr0n", "leet"),
        ("a g a d g e t r o n robot", "g a d g e t r o n", "spaced"),
        ("a g.a.d.g.e.t.r.o.n robot", "g.a.d.g.e.t.r.o.n", "spaced"),
        ("a gad-getron robot", "gad-getron", "joined"),
        ("a bluewidget robot", "bluewidget", "joined"),
        ("a gadgeeeetron robot", "gadgeeeetron", "repeated"),
        ("a gadg*tron robot", "gadg*tron", "masked"),
        ("a nortegdag robot", "nortegdag", "reversed"),
        ("a gagdetron robot", "gagdetron", "scrambled"),
        ("a g\u0430dg\u0435tr\u043en robot", "g\u0430dg\u0435tr\u043en", "plain"),
        ("a \uff47\uff41\uff44\uff47\uff45\uff54\uff52\uff4f\uff4e robot", "\uff47\uff41\uff44\uff47\uff45\uff54\uff52\uff4f\uff4e", "plain"),
        ("a ga\u200bdget\u0301ron robot", "ga\u200bdget\u0301ron", "plain"),
        ("a BLUE  widget.", "BLUE  widget", "plain"),
    ],
)  # fmt: skip
def test_a_term_is_found_however_it_is_written(text: str, found: str, view: str) -> None:
    """The span names the characters as they stand in the text, the view what had to be seen through."""
    [item] = judge(BRAND, [Text(text)])
    assert (text[slice(*item.span)], item.view, item.answer) == (found, view, "block")


@pytest.mark.parametrize(
    "text", ["gadget ron weasley's", "a widget, blue", "gadgetry", "megagadgetronic", "a blue, round widget"]
)
def test_a_term_is_a_whole_word(text: str) -> None:
    """What holds the letters of a term is not the term, unless it is torn or glued of nothing else."""
    assert [item.view for item in judge(BRAND, [Text(text)])] in ([], ["joined"])


def test_groups_of_words_are_found_near_each_other() -> None:
    """In either order, across fields, no farther apart than the rule says."""
    policies = own(
        groups={"pet": ["cat", "guinea pig"], "act": ["juggling"]},
        rules=[rule(near=["pet", "act"], within=4)],
    )
    assert judge(policies, [Text("a juggling cat")])
    assert judge(policies, [Text("guinea pigs are juggling")])
    assert judge(policies, [Text("a small cat"), Text("juggling")])[0].text == 0
    assert not judge(policies, [Text("a cat looks at a man who is juggling")])
    assert not judge(policies, [Text("a cat and a cat")])


def test_ages_below_eighteen_are_words() -> None:
    """``<18`` in a phrase stands for each number from 1 to 17, in digits or in words up to seventeen."""
    policies = own(rules=[rule(terms=["<18 year old"])])
    assert judge(policies, [Text("a 17 year old")])
    assert judge(policies, [Text("a 9-year-old")])
    assert judge(policies, [Text("sixteen year old")])
    assert not judge(policies, [Text("an 18 year old")])
    assert not judge(policies, [Text("a 0 year old")])
    assert not judge(policies, [Text("a 170 year old")])


def test_a_pattern_sees_words_with_one_space_between() -> None:
    """Case, signs and tricks are gone before a pattern looks; its find is shown where it stands."""
    policies = own(rules=[rule(pattern=r"\bmodel [0-9]{3} x\b")])
    [item] = judge(policies, [Text("The MODEL-707-X, in red")])
    assert item.span == (4, 15)
    assert not judge(policies, [Text("model 7 x")])


def test_allowed_phrases_excuse_what_stands_in_them_alone() -> None:
    """The same word beside the phrase is found."""
    policies = own(rules=[rule(terms=["widget"])], allow=["blue widget cheese"])
    assert not judge(policies, [Text("some blue widget cheese")])
    [item] = judge(policies, [Text("blue widget cheese on a widget")])
    assert item.span == (24, 30)


def test_what_is_named_to_be_avoided_is_no_find_but_of_the_gravest() -> None:
    """A negative prompt may name what is not wanted."""
    assert judge(ALONE, [Text("heil hitler")])
    assert not judge(ALONE, [Text("a fox"), Text("heil hitler", avoided=True)])
    assert not judge(ALONE, [Text("a fox"), Text("nsfw, child, nude", avoided=True)])
    [item, *_] = judge(ALONE, [Text("a fox"), Text("child porn", avoided=True)])
    assert (item.text, item.answer) == (1, "block")


def test_equal_texts_are_judged_once() -> None:
    """A prompt that goes to three steps is one find, in the first."""
    assert [item.text for item in judge(BRAND, [Text("fox"), *[Text("gadgetron")] * 3])] == [1]


def test_entities_are_decoded_and_shown_whole() -> None:
    """Places in a text with entities are not its own: the find is the whole text."""
    assert judge(BRAND, [Text("gadge&#116;ron")])[0].span == (0, 14)


@given(st.text(max_size=60))
def test_any_text_can_be_judged(text: str) -> None:
    """Whatever Unicode holds: no error, spans inside of the text, each folded character with its origin."""
    assert len(origins(text)) == len(fold(text))
    for item in judge(ALONE, [Text(text)]):
        assert 0 <= item.span[0] < item.span[1] <= len(text)


def test_every_rule_of_the_floor_has_a_category_that_is_described() -> None:
    """And none of its groups is unused."""
    [layer] = ALONE.layers
    assert {item.category for item in layer.policy.rules} <= set(CATEGORIES)
    assert set(layer.policy.thresholds) <= set(CATEGORIES)
    assert {name for item in layer.policy.rules for name in item.near} == set(layer.policy.groups)


def calls(text: str) -> int:
    """Count the calls that judging takes: no clock, so a busy machine cannot change it."""
    count = 0

    def tell(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    judge(ALONE, [Text(text)])
    sys.setprofile(tell)
    try:
        judge(ALONE, [Text(text)])
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "piece",
    [
        "a b ",
        "kid,",
        "makenude",
        "p0r ",
        "p*r*n*",
        "nake dchil ",
        "\u513f",
        "&#97;",
        "7 year ",
        "naked ",
        "neko ",
        "ooo ",
        "l1",
        "gun ",
    ],
)
def test_work_grows_with_the_text_and_no_faster(piece: str) -> None:
    """Four times the text is at most five times the work, for whatever looks expensive."""
    once = calls(piece * 150)
    assert calls(piece * 600) <= 5 * once + 100


def test_an_ordinary_prompt_costs_little() -> None:
    """2,000 characters of prompt, 330 words, take no more than eight calls a word."""
    prompt = (
        "a weathered knight in ornate armour on a bridge at dawn, volumetric light, 8k, (masterpiece:1.2) "
        * 20
    )
    assert calls(prompt[:2000]) < 8 * 330


@pytest.mark.parametrize("name", ["ab1488b2cadd42fa8810f2b40db85c06", "ab1488b2-cadd-42fa-8810-f2b40db85c06"])
def test_nobody_reads_words_in_identifiers(name: str) -> None:
    """A digest or UUID in a path is no text; the same digits by themselves are, and so is what stands beside it."""
    rules = ALONE
    assert judge(rules, [Text("a courier"), Text(f"props/{name}/v2")]) == []
    assert judge(rules, [Text(f"1488 {name}")])[0].category == "hate"
    assert judge(rules, [Text(f"props/{name}1488")]) != []
