"""Whether a file may be continued: the same configuration, or one with a larger grid, and the same task ids."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from binland.errors import StoreError
from binland.sweep.spec import SweepSpec
from binland.sweep.store.store import Snapshot
from binland.sweep.tasks import PairTask, SolutionTask, cells, task_identity


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
            f"{path}: --extend adds values of N, disorder samples, solutions and algorithms, and changes nothing else;"
            f" this would ({'; '.join(found)}); choose another --out"
        )


def obstacles(old: SweepSpec, new: SweepSpec) -> list[str]:
    """What keeps a configuration from being an extension of another."""
    found = []
    missing = [n for n in old.grid.n_inputs if n not in new.grid.n_inputs]
    if missing:
        found.append(f"remove grid.n_inputs = {missing}")
    for name in ("disorder_samples", "solutions"):
        before, after = getattr(old.grid, name), getattr(new.grid, name)
        if after < before:
            found.append(f"lower grid.{name} from {before} to {after}")
    for label, settings in old.described.items():
        if label not in new.described:
            found.append(f"remove algorithms.{label}")
        elif new.described[label] != settings:
            found.append(f"change algorithms.{label}")
    fixed = [{k: v for k, v in spec.resolved().items() if k not in ("grid", "algorithms")} for spec in (old, new)]
    changed = _changed(*fixed)
    if changed:
        found.append("change " + ", ".join(changed))
    return found


def check_ids(path: Path, snapshot: Snapshot) -> None:
    """Raise StoreError if this version gives tasks of the file another id: it would compute other numbers."""
    spec = snapshot.layout.spec
    for cell in cells(spec):
        if cell.disorder > 0:
            break
        for task in (SolutionTask(cell, 0), PairTask(cell, 0, 1))[: len(snapshot.layout.kinds)]:
            stored = snapshot.file[f"{task.kind}_id"][snapshot.layout.index(task)].decode()
            if stored != task_identity(spec, task).id:
                made_by = snapshot.file.attrs.get("version_binland", "unknown")
                raise StoreError(
                    f"{path}: was begun by binland {made_by}, which draws other random numbers for {task} than this"
                    " version; go on with that version, or choose another --out"
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
