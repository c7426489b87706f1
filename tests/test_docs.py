"""The documentation: every block of code in it runs, and every public name is in it."""

from pathlib import Path

import pytest

import binland as bl
import deepbridge as db
from binland.sweep import registry
from tests.pages import LANGUAGES, blocks, is_slow, run

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if not {"_build", "made", "gallery_made"} & {*page.parts})
PAGES.append(ROOT / "README.md")
NAMES = [str(page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT)) for page in PAGES]

# Every block that is not run, and why.
NOT_RUN: dict[str, list[str]] = {
    "tutorials/cluster.md": [
        "needs several terminals or nodes",
        "needs a Slurm cluster",
        "needs a Slurm cluster",
    ],
    "experiments/index.md": ["takes minutes"],
    "index.md": ["installs the package"],
    "README.md": ["installs the package", "installs the package and runs the tests"],
    "howto/gpu.md": [
        "needs a GPU",
        "a part of a configuration of deep networks",
        "needs a GPU",
    ],
}


CASES = [
    pytest.param(page, id=name, marks=[pytest.mark.slow] if is_slow(page) else [])
    for page, name in zip(PAGES, NAMES, strict=True)
    if any(block.runs for block in blocks(page))
]


@pytest.mark.parametrize("page", CASES)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.delenv("BINLAND_DATA", raising=False)
    monkeypatch.setattr(registry, "_own", registry.Declared())  # what a page declares is gone when it ends
    monkeypatch.setattr(registry, "_by_hand", [])
    monkeypatch.setattr(registry, "_changes", [*registry._changes, None])
    assert run(page, tmp_path) > 0


def test_blocks_that_are_not_run_are_listed():
    found = {
        name: [block.reason for block in blocks(page) if block.reason] for name, page in zip(NAMES, PAGES, strict=True)
    }
    assert {name: reasons for name, reasons in found.items() if reasons} == NOT_RUN


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_has_a_known_language(page):
    assert {block.language for block in blocks(page)} <= {*LANGUAGES}


MODULES = {
    "binland": bl,
    "binland.theory": bl.theory,
    "binland.plots": bl.plots,
    "binland.spherical": bl.spherical,
    "deepbridge": db,
    "deepbridge.connectivity": db.connectivity,
    "deepbridge.continuous": db.continuous,
}


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_there_and_in_the_reference(name):
    pages = [page.read_text(encoding="utf-8").split() for page in (DOCS / "reference" / "api").glob("*.md")]
    shown = {id(_of(word)) for page in pages for word in page if word.rpartition(".")[0] in MODULES}
    for public in MODULES[name].__all__:
        thing = getattr(MODULES[name], public)
        assert id(thing) in shown or thing in MODULES.values(), f"{name}.{public} is on no page of docs/reference/api"


def _of(word):
    module, _, name = word.rpartition(".")
    return getattr(MODULES[module], name)
