"""Which code numbers come from: a hash that does not change with docstrings, comments, layout or figures."""

import ast
import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

LIBRARIES = ("numpy", "numba", "scipy")
# What draws, prints, stores and schedules changes no number.
OTHERS = (
    "__main__.py", "cli.py", "console.py", "errors.py", "interrupts.py", "lazy.py", "stamp.py", "plots",
    "sweep/store", "sweep/blame.py", "sweep/config.py", "sweep/connect.py", "sweep/grid.py", "sweep/measuring.py",
    "sweep/estimate.py", "sweep/export.py", "sweep/graph.py", "sweep/info.py", "sweep/load.py", "sweep/messages.py",
    "sweep/older.py", "sweep/plugins.py", "sweep/progress.py", "sweep/provenance.py", "sweep/reference.py",
    "sweep/registry.py", "sweep/run.py", "sweep/shared.py", "sweep/sound.py", "sweep/stored.py", "sweep/workers.py",
)  # fmt: skip
DRAWING = ("draw", "_draw", "panels", "figures")  # beginnings of the names of functions that draw


@cache
def code_stamp(more: str = "") -> str:
    """Hash of binland's code that numbers come from, of the libraries behind it, and of another text.

    Equal stamps, equal numbers.
    """
    libraries = " ".join(version(name) for name in LIBRARIES)
    sources = hash_of(Path(__file__).resolve().parent, OTHERS)
    return hashlib.sha256(f"{libraries}\n{sources}\n{more}".encode()).hexdigest()[:16]


@cache
def hash_of(package: Path, others: tuple[str, ...] = ()) -> str:
    """Hash of the code of a package. others: files and folders of it that are left out."""
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        name = source.relative_to(package).as_posix()
        if not any(name == other or name.startswith(f"{other}/") for other in others):
            digest.update(f"{name}\n{essence(source.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()


def essence(source: str) -> str:
    """A module's code without comments, docstrings, layout and functions that draw."""
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
    return isinstance(statement, ast.FunctionDef) and statement.name.startswith(DRAWING)


def version(name: str) -> str:
    """Installed version of a distribution, or "unknown"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
