"""What stands in several files of the project agrees, and the packages are typed for whoever uses them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPT = """
import binland as bl
import deepbridge as db
from numpy.typing import NDArray

patterns: bl.Patterns = bl.Patterns.random(9, 11, seed=0)
machine = bl.Perceptron(n_inputs=11)
solution: bl.Solution = bl.fit(machine, patterns, bl.RSGD(epochs=3), seed=0)
match: bl.Alignment = bl.align(solution, to=solution)
path: bl.Path = bl.shortest_path(solution, match.solution, patterns, seed=0)
barrier: bl.Barrier = bl.barrier(solution, solution, patterns, seed=0)
height: float = barrier.mean
every: bl.Enumeration = bl.enumerate_solutions(machine, patterns)
capacity: float = bl.theory.capacity()
network: db.BinaryMLP = db.BinaryMLP(64, (9,), 10)
wrong: int = bl.fit(machine, patterns, bl.SGD(), seed=0)
bl.no_such_name
"""


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_versions_agree():
    version = PROJECT["version"]
    assert re.findall(r"^version: (.*)$", text("CITATION.cff"), re.M) == [version]
    assert re.findall(r"version = \{(.*)\}", text("docs/about/citing.md")) == [version]
    assert version in re.findall(r"^## (\S+)", text("CHANGELOG.md"), re.M)


def test_the_paper_is_cited_alike():
    citation, page = text("CITATION.cff"), text("docs/about/citing.md")
    for name in ("Pittorino", "Ferraro", "Perugini", "Feinauer", "Baldassi", "Zecchina"):
        assert f"family-names: {name}\n" in citation
        assert f"{name}, " in page
    assert "start: 17759\n    end: 17781\n" in citation
    assert "17759--17781" in page


def test_both_packages_say_that_they_are_typed():
    for package in ("binland", "deepbridge"):
        assert (ROOT / package / "py.typed").is_file()


@pytest.mark.slow
def test_a_script_of_public_names_is_checked_by_its_types(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, "-m", "mypy", "--no-error-summary", tmp_path / "script.py"]
    found = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    errors = [re.sub(r"^.*script.py:\d+: error: ", "", line) for line in found.stdout.splitlines()]
    assert errors == [
        'Incompatible types in assignment (expression has type "Solution", variable has type "int")  [assignment]',
        'Module has no attribute "no_such_name"  [attr-defined]',
    ], found.stdout
