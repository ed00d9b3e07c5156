"""The page about the command line, and how fast it is there."""

from pathlib import Path

from maquette.cli.reference import render

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_the_command_line() -> None:
    """docs/cli.md is made from the commands (`make docs`), and tells what each of them does."""
    page = PAGE.read_text()
    assert page == render()
    sections = page.split("\n## ")[1:]
    assert len(sections) > 30
    assert [section for section in sections if len(section.split("\n\n")[1].strip()) < 10] == []


def test_every_option_says_what_it_is_for() -> None:
    """No argument or option stands without a word of help."""
    rows = [line for line in PAGE.read_text().split("\n## ", 1)[1].splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.endswith("` |  |")] == []
