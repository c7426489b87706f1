"""From which result file a figure was drawn, as metadata of the figure, and how it is read again."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from binland.disk import read_whole
from binland.errors import StoreError
from binland.sweep.info import facts, file_id
from binland.version import version

MARK = "binland-figure:"
FORMATS = ("png", "pdf", "svg")
KEPT = "title", "created", "git", "code", "version_binland"  # of what the result file says of itself
_PATTERN = re.compile(rb"binland-figure:([A-Za-z0-9_=-]{1,100000}):")
NEAR = (".", "..")  # folders in which the result file of a figure is looked for, seen from the figure and from here


def source_of(path: Path, ending: str) -> dict[str, str]:
    """Where a figure comes from. path: the result file. ending: of the figure's name, which says what it shows."""
    made = facts(path)
    kept: dict[str, str] = {name: made[name] for name in KEPT if name in made}
    return {"file": path.name, "file_id": file_id(path), "figure": ending, **kept, "drawn_with": version("binland")}


def metadata(source: Mapping[str, str], kind: str) -> dict[str, Any]:
    """The same in the words that a format has, once to be read by people and once to be found again."""
    kept = MARK + base64.urlsafe_b64encode(json.dumps(dict(source)).encode()).decode() + ":"
    shown = ascii(f"{source['file']} (sweep {source['file_id']}), binland {source['drawn_with']}")[1:-1]
    if kind == "pdf":
        return {"Creator": "binland", "Subject": shown, "Keywords": kept}
    if kind == "svg":
        return {"Creator": "binland", "Source": shown, "Keywords": [kept]}
    return {"Software": "binland", "Source": shown, "Comment": kept}


def source(figure: Path) -> dict[str, str] | None:
    """What `metadata` wrote into a figure, None if it has nothing of the kind; StoreError if it cannot be read."""
    kept = _PATTERN.search(read_whole(figure))
    if kept is None:
        return None
    try:
        facts = json.loads(base64.urlsafe_b64decode(kept[1]))
    except (ValueError, RecursionError):
        return None
    return {str(name): str(value) for name, value in facts.items()} if isinstance(facts, dict) else None


def result_file(figure: Path, source: Mapping[str, str]) -> Path | None:
    """The result file of a figure, if it is in the folder of the figure, in the one above, or where we are."""
    folders = {(base / near).resolve(): None for base in (figure.parent, Path()) for near in NEAR}
    for folder in folders:
        for path in sorted(folder.glob("*.h5")):
            if _is(path, source.get("file_id", "")):
                return path
    return None


def _is(path: Path, wanted: str) -> bool:
    try:
        return file_id(path) == wanted
    except StoreError:
        return False
