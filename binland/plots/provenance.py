"""Metadata of a figure that say from which file of results it was drawn: write, read, find the file."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from binland.disk import read_whole
from binland.errors import StoreError, one_line
from binland.sweep.info import facts, file_id
from binland.sweep.store.store import Store
from binland.version import version

LONGEST = 300  # letters of a fact
MARK = "binland-figure:"
FORMATS = ("png", "pdf", "svg")
KEPT = "title", "created", "git", "code", "version_binland"  # facts about the file of results that a figure keeps
_PATTERN = re.compile(rb"binland-figure:([A-Za-z0-9_=-]{1,100000}):")
NEAR = (".", "..")  # where to look for a file of results, from the figure and from the current folder


def source_of(path: Path, settings: Mapping[str, Any]) -> dict[str, str]:
    """Facts about the file of results at `path`, for all of its figures. settings: those of the sweep that is drawn."""
    made = facts(path)
    kept: dict[str, str] = {name: made[name] for name in KEPT if name in made}
    return {
        "file": path.name,
        "file_id": file_id(path),
        "figure": "overview",
        **kept,
        "configuration": _digest(settings),
        "drawn_with": version("binland"),
    }


def _digest(settings: Mapping[str, Any]) -> str:
    """A short hash of the settings in a file; those that it does not name depend on what is installed."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def extended(path: Path, source: Mapping[str, str]) -> bool:
    """Whether the configuration of a file of results has changed since a figure was drawn from it."""
    return source.get("configuration", "") not in ("", _digest(Store.open(path).settings))


def metadata(source: Mapping[str, str], kind: str) -> dict[str, Any]:
    """Metadata of a file format with these facts, once in words for people and once encoded for `source`."""
    kept = MARK + base64.urlsafe_b64encode(json.dumps(dict(source)).encode()).decode() + ":"
    shown = ascii(f"{source['file']} (sweep {source['file_id']}), binland {source['drawn_with']}")[1:-1]
    if kind == "pdf":
        return {"Creator": "binland", "Subject": shown, "Keywords": kept}
    if kind == "svg":
        return {"Creator": "binland", "Source": shown, "Keywords": [kept]}
    return {"Software": "binland", "Source": shown, "Comment": kept}


def source(figure: Path) -> dict[str, str] | None:
    """The facts that `metadata` wrote into a figure, or None without any; raises StoreError if it cannot be read."""
    kept = _PATTERN.search(read_whole(figure))
    if kept is None:
        return None
    try:
        facts = json.loads(base64.urlsafe_b64decode(kept[1]))
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict) or "file_id" not in facts:
        return None
    return {str(name): one_line(str(value), LONGEST) for name, value in facts.items()}


def result_file(figure: Path, source: Mapping[str, str]) -> Path | None:
    """The file of results of a figure, or None if it is not near the figure or the current folder (see NEAR)."""
    folders = {(base / near).resolve(): None for base in (figure.parent, Path()) for near in NEAR}
    for folder in folders:
        for path in sorted(folder.glob("*.h5"), key=lambda path: (path.name != source.get("file"), path.name)):
            if _is(path, source.get("file_id", "")):
                return path
    return None


def _is(path: Path, wanted: str) -> bool:
    try:
        return file_id(path) == wanted
    except StoreError:
        return False
