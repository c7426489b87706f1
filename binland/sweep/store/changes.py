"""Whether a file may be continued: the same configuration, or one with a larger grid, and the same task ids."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from binland.errors import StoreError
from binland.sweep.spec import SweepSpec
from binland.sweep.store.opening import attribute, texts
from binland.sweep.store.store import Snapshot
from binland.sweep.tasks import cells, first_tasks, in_words, task_identity


def check_same(path: Path, old: SweepSpec, new: SweepSpec) -> None:
    """Raise StoreError with the differences if the file's configuration is not the wanted one."""
    if old.canonical() == new.canonical():
        return
    hint = "choose another --out"
    if not obstacles(old, new):
        hint = "add --extend to add the new tasks to it, or choose another --out"
    raise StoreError(f"{path}: holds a sweep with other settings ({differences(old, new)}); {hint}")


def check_extension(path: Path, old: SweepSpec, new: SweepSpec) -> None:
    """Raise StoreError if the wanted configuration does more than enlarge the grid of the file's."""
    found = obstacles(old, new)
    if found:
        raise StoreError(
            f"{path}: --extend adds values of {new.family.axis}, disorder samples, solutions and algorithms, and"
            f" changes nothing else; this would ({'; '.join(found)}); choose another --out"
        )


def obstacles(old: SweepSpec, new: SweepSpec) -> list[str]:
    """What keeps a configuration from being an extension of another."""
    found = []
    axis = old.family.axis
    missing = [size for size in old.sizes if size not in new.sizes]
    if missing:
        found.append(f"remove grid.{axis} = {missing}")
    for name in ("disorder_samples", "solutions"):
        before, after = getattr(old.grid, name), getattr(new.grid, name)
        if after < before:
            found.append(f"lower grid.{name} from {before} to {after}")
    for label, settings in old.described.items():
        if label not in new.described:
            found.append(f"remove algorithms.{label}")
        elif new.described[label] != settings:
            found.append(f"change algorithms.{label}")
    changed = _changed(_fixed(old), _fixed(new))
    if changed:
        found.append("change " + ", ".join(changed))
    return found


def _fixed(spec: SweepSpec) -> dict[str, Any]:
    """The settings that an extension must keep."""
    settings = {key: value for key, value in spec.resolved().items() if key != "algorithms"}
    grown = (spec.family.axis, "disorder_samples", "solutions")
    return settings | {"grid": {key: value for key, value in settings["grid"].items() if key not in grown}}


def check_ids(path: Path, snapshot: Snapshot) -> None:
    """Raise StoreError if this version gives tasks of the file another id: it would compute other numbers."""
    spec = snapshot.layout.spec
    for cell in cells(spec):
        if cell.disorder > 0:
            break
        for task in first_tasks(spec, cell):
            stored = texts(snapshot.read(f"{task.kind}_id", snapshot.layout.index(task))).item()
            if stored != task_identity(spec, task).id:
                made_by = attribute(path, snapshot.file, "version_binland") or "unknown"
                raise StoreError(
                    f"{path}: was begun by binland {made_by}, which draws other random numbers for"
                    f" {in_words(spec, task)} than this version; go on with that version, or choose another --out"
                )


def differences(old: SweepSpec, new: SweepSpec) -> str:
    """Every setting that differs, as `key: old -> new`."""
    return ", ".join(_changed(json.loads(old.canonical()), json.loads(new.canonical())))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, after = _flat(old), _flat(new)
    return [
        f"{key}: {_shown(before, key)} -> {_shown(after, key)}"
        for key in sorted(before | after)
        if before.get(key) != after.get(key)
    ]


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "(none)"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
