"""Whether a file may be continued: by the same sweep or a larger one, with the same task ids."""

import json
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from binland.errors import StoreError, shown
from binland.sweep import older
from binland.sweep.grid import flat
from binland.sweep.naming import task_identity
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import SCHEMA, Layout, in_layout, layout_of
from binland.sweep.store.opening import attribute, texts
from binland.sweep.store.store import Snapshot, Store
from binland.sweep.store.tables import finished
from binland.sweep.tasks import Outcome, Task, in_words

GROWING = ("disorder_samples", "solutions")  # keys of [grid] that an extension may raise


def _warn_of_plugins(store: Store, new: SweepSpec) -> None:
    """Warn if a plug-in has changed: new measurements may differ from those in the file."""
    before = {plugin.name: plugin.code for plugin in store.spec.plugins}
    for plugin in new.plugins:
        if before.get(plugin.name, plugin.code) != plugin.code:
            warnings.warn(
                f"{store.path}: the code of the plug-in {plugin.name} has changed since; what is done stays as it is"
                " (another key() of a measure makes it measure anew with --extend)",
                stacklevel=4,
            )


def check_same(store: Store, new: SweepSpec) -> None:
    """Raise StoreError with the differences unless the file holds the wanted sweep."""
    old = store.spec
    if old.canonical() == new.canonical():
        _warn_of_plugins(store, new)
        return
    hint = "choose another --out"
    if not obstacles(old, new):
        hint = "add --extend to add the new tasks to it, or choose another --out"
    raise StoreError(f"{store.path}: holds a sweep with other settings ({differences(old, new)}); {hint}")


def check_extension(store: Store, new: SweepSpec) -> None:
    """Raise StoreError unless the wanted sweep includes all of the file's."""
    found = obstacles(store.spec, new)
    if found:
        raise StoreError(
            f"{store.path}: --extend adds values of swept settings, disorder samples, solutions, algorithms and"
            f" measures, and changes nothing else; this would ({'; '.join(found)}); choose another --out"
        )
    _warn_of_plugins(store, new)


def obstacles(old: SweepSpec, new: SweepSpec) -> list[str]:
    """Reasons why a sweep is not an extension of another; empty if it is."""
    found = _of_grid(old, new) + _of_algorithms(old, new) + _of_measures(old, new)
    if new.latents and not old.latents:
        needing = [name for name, (measure, _) in new.measures.items() if measure.latents == "needed"]
        why = f" (measure.{needing[0]} needs them)" if needing else ""
        found.append(f"store latent weights{why}, which were not kept when the solutions of the file were trained")
    elif old.latents and not new.latents:
        found.append("leave out latent weights; set store.latents = true")
    changed = _changed(_fixed(old), _fixed(new))
    return [*found, "change " + ", ".join(changed)] if changed else found


def _of_grid(old: SweepSpec, new: SweepSpec) -> list[str]:
    found = []
    before, after = ({axis.key: axis.values for axis in spec.axes} for spec in (old, new))
    if list(before) != list(after):
        return [f"sweep {' and '.join(after) or 'nothing'} instead of {' and '.join(before) or 'nothing'}"]
    for key, values in before.items():
        missing = [value for value in values if value not in after[key]]
        if missing:
            found.append(f"remove {key} = {missing}")
    for name in GROWING:
        one, two = getattr(old, name), getattr(new, name)
        if two < one:
            found.append(f"lower grid.{name} from {one} to {two}")
    return found


def _of_algorithms(old: SweepSpec, new: SweepSpec) -> list[str]:
    found, settings = [], new.resolved()["algorithms"]
    for label, table in old.resolved()["algorithms"].items():
        if label not in settings:
            found.append(f"remove algorithms.{label}")
        elif settings[label] != table:
            found.append(f"change algorithms.{label}")
    return found


def _of_measures(old: SweepSpec, new: SweepSpec) -> list[str]:
    """Obstacles in [measure], which may grow: longer lists, larger numbers. What changes by that is measured again."""
    found = []
    for name, (_, settings) in old.measures.items():
        if name not in new.measures:
            found.append(f"remove measure.{name}")
            continue
        before, after = settings.model_dump(), new.measures[name][1].model_dump()
        found += [
            f"change measure.{name}.{key} from {value!r} to {after.get(key)!r}"
            for key, value in before.items()
            if not grows(value, after.get(key))
        ]
    return found


def grows(before: Any, after: Any) -> bool:
    """Whether a setting is the same or asks for more."""
    if isinstance(before, list) and isinstance(after, list):
        return all(value in after for value in before)
    if isinstance(before, int) and isinstance(after, int) and not isinstance(before, bool):
        return after >= before
    return bool(before == after) or (before, after) == ("within", "all")


def _fixed(spec: SweepSpec) -> dict[str, Any]:
    """The settings that an extension must not change."""
    settings = {key: value for key, value in spec.identity().items() if key not in ("algorithms", "measure", "store")}
    grown = {*GROWING, *(axis.key for axis in spec.axes)}
    return settings | {"grid": {key: value for key, value in settings["grid"].items() if key not in grown}}


def still_valid(snapshot: Snapshot, layout: Layout, spec: SweepSpec) -> Iterator[tuple[Task, Outcome]]:
    """The finished tasks of a file that another sweep has as well, at the same place and with the same id."""
    ids = layout.ids(spec)
    known = {kind: texts(snapshot.read(f"{kind}_id")) for kind in snapshot.layout.kinds if kind in layout.kinds}
    for task, outcome in finished(snapshot):
        moved = in_layout(task, snapshot.layout, layout) if task.kind in known else None
        if moved is None:
            continue
        if known[task.kind][snapshot.layout.index(task)] == ids[task.kind][layout.index(moved)]:
            yield moved, outcome


def check_layout(store: Store) -> None:
    """Raise StoreError if the file's layout is not the one that this version makes of its configuration."""
    there, expected = _kept(store.layout), _kept(layout_of(store.spec))
    differing = [name for name in there | expected if there.get(name) != expected.get(name)]
    if differing:
        raise StoreError(
            f"{store.path}: keeps other numbers than its configuration asks this version for"
            f" ({', '.join(map(shown, differing[:3]))}); go on with the version that made it, or choose another --out"
        )


def _kept(layout: Layout) -> dict[str, Any]:
    """The parts of a layout that matter; wording is left out."""
    return {
        **{name: one[:2] for name, one in layout.datasets().items()},
        **{f"tasks of {name}": kind._replace(variables={}) for name, kind in layout.kinds.items()},
        **{f"dimension {name}": length for name, length in layout.dimensions.items()},
        **{f"lengths of {name}": lengths for name, lengths in layout.sizes.items()},
    }


def check_ids(store: Store, snapshot: Snapshot) -> None:
    """Raise StoreError if this version gives tasks of the file other ids, since it would compute other numbers."""
    spec, layout = store.spec, snapshot.layout
    made_by = attribute(store.path, snapshot.file, "version_binland") or "unknown"
    if store.schema in older.OTHER_DRAWS:  # their numbers stay valid, though they cannot be drawn again
        for label, algorithm in spec.at(spec.points[0]).algorithms.items():
            if algorithm.recipe > 1:
                raise StoreError(
                    f"{store.path}: was begun by binland {made_by}, which trained {label} in another way than this"
                    " version; it can be read for ever, but go on with that version, or choose another --out"
                )
        return
    id_of = (lambda task: task_identity(spec, task).id) if store.schema == SCHEMA else partial(older.task_id, spec)
    stored = {kind: texts(snapshot.read(f"{kind}_id")) for kind in layout.kinds}
    for task in (task for point in layout.points for task in layout.first_tasks(point)):
        if stored[task.kind][layout.index(task)] != id_of(task):
            raise StoreError(
                f"{store.path}: was begun by binland {made_by}, which trains in another way or draws other random"
                f" numbers for {in_words(layout.axes, task)} than this version; go on with that one, or choose another"
                " --out"
            )


def differences(old: SweepSpec, new: SweepSpec) -> str:
    """Settings that differ, as `key: old -> new`."""
    return ", ".join(_changed(json.loads(old.canonical()), json.loads(new.canonical())))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, after = flat(old), flat(new)
    return [
        f"{key}: {_shown(before, key)} -> {_shown(after, key)}"
        for key in sorted(before | after)
        if before.get(key) != after.get(key)
    ]


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "(none)"
