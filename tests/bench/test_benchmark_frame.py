"""What the benchmarks share: rows, rounds, the plot, the pages."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks import chart, page, report, sections
from benchmarks.report import Row, against, limited, plain, skipped
from benchmarks.rounds import interleaved
from benchmarks.run import Run, Skipped

ROOT = Path(__file__).parents[2]


def test_a_row_keeps_medians_and_spread_and_is_judged_by_the_best_of_the_others() -> None:
    """Of three rounds the middle one counts; one that missed by a hair says so."""
    row = against(
        "steps", "1/s", [90.0, 100.0, 400.0], {"slow": [3.0, 5.0, 4.0], "quick": 50.0}, at_least=2.01
    )
    assert (row.maquette, row.others, row.ratio) == (100.0, {"slow": 4.0, "quick": 50.0}, 2.0)
    assert row.spread == {"maquette": (90.0, 400.0), "slow": (3.0, 5.0)}
    assert (row.target, row.holds) == ("ratio ≥ 2.01", False)
    assert limited("p99", "ms", [24.0, 26.0, 25.0], at_most=25).holds


def test_rounds_take_turns_and_every_other_one_goes_backwards() -> None:
    """What drifts in one direction favours nobody."""
    order: list[str] = []
    turns: dict[str, Callable[[], None]] = {name: lambda name=name: order.append(name) for name in "AB"}
    interleaved(3, turns)
    assert "".join(order) == "ABBAAB"


def test_results_of_sections_that_were_not_run_again_stay(tmp_path: Path) -> None:
    """A section measured alone replaces its own rows and nobody else's."""
    path = tmp_path / "results" / "latest.json"
    old = [
        Row("a", "s", 1.0, section="one"),
        Row("b", "s", 2.0, section="two", spread={"maquette": (1.0, 3.0)}),
    ]
    report.write(old, path)
    report.write([Row("a", "s", 9.0, section="one")], path)
    assert report.read(path) == [old[1], Row("a", "s", 9.0, section="one")]


def test_a_section_that_cannot_run_says_why_and_one_that_fails_fails_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other sections run all the same, and each row says where it was measured."""

    class Sections:
        TITLE = "a title"

        def __init__(self, measured: Callable[[Run], list[Row]]) -> None:
            self.measured = measured

    def absent(_: Run) -> list[Row]:
        raise Skipped("there is no such server here")

    def broken(_: Run) -> list[Row]:
        raise ZeroDivisionError("nothing")

    found = {"absent": absent, "broken": broken, "fine": lambda _: [plain("x", "s", 1.0)]}
    monkeypatch.setattr(sections, "_section", lambda name: Sections(found[name]))
    rows, failed = sections.run_all(list(found), Run(Path()), "here")
    assert failed == ["broken"]
    assert [row.skipped for row in rows] == ["there is no such server here", "it failed: nothing", None]
    assert {row.environment for row in rows} == {"here"}


@pytest.mark.parametrize("name", sections.NAMES)
def test_every_section_can_be_plugged_in(name: str) -> None:
    """It has a title and something that measures."""
    assert sections.titles()[name]
    assert callable(sections._section(name).measured)


def test_the_plot_shows_every_bar_and_where_ours_must_reach() -> None:
    """It is well-formed, names everybody, and leaves out what stands alone."""
    rows = [
        against("steps & more", "1/s", [900.0, 1000.0, 1100.0], {"A<B": 20.0, "C": 4.0}, at_least=25),
        plain("alone", "s", 3.0),
        skipped("gone", "s", "why"),
    ]
    drawing = ET.fromstring(chart.drawn(rows, {"": "Speed"}, "one machine"))
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"steps & more", "Maquette", "A<B", "C", "Speed (1/s)", "1,000 · 50.00 times"} <= set(texts)
    assert "alone" not in texts
    kinds = [item.get("class") for item in drawing.iter()]
    assert (kinds.count("ours"), kinds.count("other"), kinds.count("target"), kinds.count("spread")) == (
        1,
        2,
        1,
        1,
    )


@pytest.mark.parametrize(("path", "name"), [("docs/PERFORMANCE.md", "measured"), ("README.md", "ratios")])
def test_the_pages_have_a_place_for_the_last_results(path: str, name: str) -> None:
    """`python -m benchmarks --page` finds its markers, and text without them is refused."""
    before, _, after = page.between((ROOT / path).read_text(encoding="utf-8"), name)
    assert before.strip()
    assert after.strip()
    with pytest.raises(ValueError, match="no place"):
        page.between(before, name)
