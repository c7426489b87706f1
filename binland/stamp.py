"""A hash of the code that numbers come from; docstrings, comments, layout and figures do not change it."""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

from binland.version import version

LIBRARIES = ("numpy", "numba", "scipy")
# Code that draws, prints, stores or schedules changes no numbers.
OTHERS = (
    "__main__.py", "bar.py", "cli.py", "commands", "console.py", "environment.py", "errors.py", "extras.py",
    "interrupts.py", "lazy.py", "log.py", "stamp.py", "summary.py", "version.py", "plots", "overlays", "reports",
    "sweep/store", "sweep/blame.py", "sweep/config.py", "sweep/connect.py", "sweep/grid.py", "sweep/measuring.py",
    "sweep/estimate.py", "sweep/export.py", "sweep/graph.py", "sweep/info.py", "sweep/load.py", "sweep/messages.py",
    "sweep/older.py", "sweep/plugins.py", "sweep/progress.py", "sweep/provenance.py", "sweep/reference.py",
    "sweep/registry.py", "sweep/run.py", "sweep/shared.py", "sweep/sound.py", "sweep/stored.py", "sweep/workers.py",
)  # fmt: skip
DRAWING = ("draw", "_draw", "panels", "figures")  # beginnings of the names of functions that draw
DRAWN = {"Chart", "Panel", "Curve", "Look", "Entry", "Inset", "Mark", "Contours", "Axis"}  # what they return


@cache
def code_stamp(more: str = "") -> str:
    """Hash of the code of binland that numbers come from, of the versions of its libraries, and of another text.

    Equal stamps mean equal numbers.
    """
    libraries = " ".join(version(name) for name in LIBRARIES)
    sources = hash_of(Path(__file__).resolve().parent, OTHERS)
    return hashlib.sha256(f"{libraries}\n{sources}\n{more}".encode()).hexdigest()[:16]


@cache
def hash_of(package: Path, others: tuple[str, ...] = ()) -> str:
    """Hash of the code of a package; others: files and folders to leave out."""
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        name = source.relative_to(package).as_posix()
        if not any(name == other or name.startswith(f"{other}/") for other in others):
            digest.update(f"{name}\n{essence(source.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()


def essence(source: str) -> str:
    """A module's code without comments, docstrings, layout and drawing functions."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = _essential(body)  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _essential(body: list[ast.stmt]) -> list[ast.stmt]:
    kept = [statement for statement in body if not _is_text(statement) and not _draws(statement)]
    return kept or [ast.Pass()]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _draws(statement: ast.stmt) -> bool:
    """Whether a function draws, by its name or by what it says that it returns."""
    if not isinstance(statement, ast.FunctionDef):
        return False
    returned = "" if statement.returns is None else ast.unparse(statement.returns)
    return statement.name.startswith(DRAWING) or bool(DRAWN & {*re.findall(r"\w+", returned)})
