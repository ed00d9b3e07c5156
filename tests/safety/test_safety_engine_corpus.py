"""The corpus, measured: the figures of docs/safety.md hold, and the commands tell them."""

import json
import re
from pathlib import Path

import pytest

from maquette.cli.main import run
from maquette.domain.safety import ALONE, Text, compiled, judge, parse
from maquette.domain.safety.measure import corpus, measured

PAGE = Path(__file__).parents[2] / "docs" / "safety.md"


def call(*arguments: str) -> int:
    """Run the command line in this process and return its exit status."""
    with pytest.raises(SystemExit) as caught:
        run(list(arguments))
    return int(caught.value.code or 0)


def test_the_figures_of_the_page_are_what_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Every row of the page's tables is what the command says: a rule that makes it worse shows at once."""
    assert call("safety", "corpus", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    page = PAGE.read_text()
    told = dict(re.findall(r"^\| ([\w ,]+) \| (\d+ of \d+) \|", page, re.MULTILINE))
    for counts in (*result["recall"].values(), result["false_positives"]):
        for name, item in counts.items():
            if name not in {"tuned", "held_out"}:
                assert told[name] == f"{item['found']} of {item['cases']}", name
    held, wrong = result["recall"]["half"]["held_out"], result["false_positives"]["held_out"]
    assert told["all evasions"] == f"{held['found']} of {held['cases']}"
    assert told["all innocent"] == f"{wrong['found']} of {wrong['cases']}"


def test_policies_on_the_page_are_policies() -> None:
    """Each block of JSON with rules is taken as it stands, and finds what it is about."""
    shown = map(json.loads, re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    [body] = [body for body in shown if "rules" in body]
    own = compiled([parse(body, "project")], over=ALONE)
    for text in ("a gadgetron", "PROJECT-2041", "a kicked cat"):
        assert judge(own, [Text(text)])[0].answer != "allow"
    assert not judge(own, [Text("blue widget cheese")])


def test_no_common_disguise_hides_the_gravest() -> None:
    """Of what is called handled, nine of ten seeds at least are found in each way of writing."""
    known = {"letter dropped", "letters swapped", "without vowels", "upside down", "base64", "paraphrased"}
    cases = [case for case in corpus() if case.technique not in {*known, "innocent", "avoided"}]
    counts = measured(ALONE, [case for case in cases if case.category == "sexual_minors"])
    assert counts["recall"]["half"]["held_out"]["rate"] > 0.9


def test_the_innocent_are_many_and_nearly_all_pass() -> None:
    """Of more than 300 look-alikes at most one in a hundred is stopped."""
    counts = measured(ALONE, [case for case in corpus() if not case.category])["false_positives"]
    assert sum(item["cases"] for item in counts.values()) > 300
    assert sum(item["found"] for item in counts.values()) <= 3


def test_check_says_what_is_found_and_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """0 for what is allowed, 1 for what is not; --policy goes over the floor."""
    assert call("safety", "check", "a rusty robot", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"verdict": "allow", "findings": []}
    assert call("safety", "check", "a n4ked ch1ld", "--json") == 1
    [item] = json.loads(capsys.readouterr().out)["findings"]
    assert (item["found"], item["rule"], item["view"]) == ("n4ked ch1ld", "minors-explicit", "leet")
    own = tmp_path / "own.toml"
    own.write_text('[[rules]]\nid = "a"\ncategory = "brand"\nseverity = "high"\nterms = ["robot"]\n')
    assert call("safety", "check", "a rusty robot", "--policy", str(own)) == 1
    assert "brand" in capsys.readouterr().out
    own.write_text('[[rules]]\nid = "a"\n')
    assert call("safety", "check", "a rusty robot", "--policy", str(own)) == 1
    assert "rules.0" in capsys.readouterr().err


def test_nothing_is_found_in_no_text() -> None:
    """Empty texts are none."""
    assert judge(ALONE, [Text(""), Text("", avoided=True)]) == []
