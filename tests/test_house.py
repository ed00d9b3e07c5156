"""The house rules that no linter knows: sizes, honest docs, nothing of this machine in the repository."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from maquette.domain import errors, lifecycle_page, parameters_page
from maquette.domain.events import EventType

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "maquette"
MODULES = sorted(PACKAGE.rglob("*.py"))
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
FOLDER_DEPTH_MAX = 2


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:  # an exported tree without git: look at everything that is no product of a run
        return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    """No file over 400 lines, no function over 70, no folder deeper than two below the package."""
    text = path.read_text()
    assert text.count("\n") <= FILE_LINES_MAX
    assert len(path.relative_to(PACKAGE).parts) - 1 <= FOLDER_DEPTH_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, node.name


def test_sql_stays_in_its_files() -> None:
    """No statement is built out of strings: outside the store's .sql files there is no query."""
    query = re.compile(
        r"\b(select\s+[\w*,. ]+\s+from|insert\s+into|delete\s+from|update\s+\w+\s+set)\b", re.IGNORECASE
    )
    allowed = {PACKAGE / "store" / "migrate.py"}
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in MODULES
        if path not in allowed
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for match in [query.search(node.value)]
        if match
    ]
    assert found == []


def test_every_named_statement_is_used() -> None:
    """A statement that nothing calls is dead code, one that is called and missing a failure in waiting."""
    for file in sorted((PACKAGE / "store" / "sql").glob("*.sql")):
        named = set(re.findall(r"^-- name: (\w+)$", file.read_text(), re.MULTILINE))
        code = (PACKAGE / "store" / f"{file.stem}.py").read_text()
        assert named == set(re.findall(r'_SQL\["(\w+)"\]', code)), file.name


def test_the_lifecycle_page_is_the_table() -> None:
    """docs/lifecycle.md is made from the transition table (`make docs`)."""
    assert (ROOT / "docs" / "lifecycle.md").read_text() == lifecycle_page.render()


def test_the_parameters_page_is_the_table() -> None:
    """docs/parameters.md is made from the parameter tables (`make docs`)."""
    assert (ROOT / "docs" / "parameters.md").read_text() == parameters_page.render()


def test_every_event_is_documented() -> None:
    """docs/events.md tells what each event means and carries."""
    page = (ROOT / "docs" / "events.md").read_text()
    assert [kind for kind in EventType if f"`{kind}`" not in page] == []


def _leaves(kind: type[errors.MaquetteError]) -> set[str]:
    return {kind.code}.union(*(_leaves(child) for child in kind.__subclasses__()))


def test_every_error_code_is_documented() -> None:
    """docs/errors.md lists each code that a caller can see."""
    page = (ROOT / "docs" / "errors.md").read_text()
    domain = set().union(*(_leaves(child) for child in errors.MaquetteError.__subclasses__()))
    assert sorted(code for code in domain if f"`{code}`" not in page) == []


def test_every_test_says_what_it_expects() -> None:
    """Each test carries a sentence."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "node_modules" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_nothing_committed_knows_a_registry_or_a_machine() -> None:
    """No host of a package registry and no path of somebody's machine, in any file."""
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "npmjs" + ".com/"]
    homes = ["/" + "root/", "/" + "work/", "/home/" + "runner"]
    found = []
    for path in _tracked():
        data = path.read_bytes()
        found += [f"{path.relative_to(ROOT)}: {word}" for word in hosts + homes if word.encode() in data]
    assert found == []
