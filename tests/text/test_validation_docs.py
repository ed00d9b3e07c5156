"""docs/validation.md: its examples are run, its tables are whole."""

import json
import re
from pathlib import Path

import pytest

from maquette.domain.errors import Invalid
from maquette.domain.parameters import complete_params
from maquette.domain.pipeline import PIPELINES
from maquette.domain.text import KINDS, PROMPT, clean

PAGE = (Path(__file__).parents[2] / "docs" / "validation.md").read_text()
EXAMPLES = re.findall(r"^\| `(\".*\")` \| `(.*)` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("sent", "expected"), EXAMPLES)
def test_the_example_holds(sent: str, expected: str) -> None:
    """What is sent as a prompt is kept, or refused, as the page says."""
    try:
        answer = json.dumps(clean(json.loads(sent), PROMPT, ("prompt",), required=True))
    except Invalid as refused:
        answer = refused.details[0].type
    assert answer == (json.dumps(json.loads(expected)) if expected.startswith('"') else expected)


def test_the_page_has_examples_of_both() -> None:
    """Or the test above would hold of nothing."""
    assert {expected.startswith('"') for _, expected in EXAMPLES} == {True, False}
    assert len(EXAMPLES) >= 8


def test_the_table_of_texts_is_whole() -> None:
    """Every kind of text with its length, its form and whether it keeps lines."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (NF\w+) \| (one|kept) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (name, str(kind.length_max), kind.form, "kept" if kind.lines else "one")
        for name, kind in KINDS.items()
    ]


def test_the_conflict_is_answered_as_told() -> None:
    """At both places."""
    sent, answered = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    with pytest.raises(Invalid) as refused:
        complete_params(PIPELINES["3D"], sent)
    assert [{"loc": list(item.loc), "type": item.type} for item in refused.value.details] == answered
