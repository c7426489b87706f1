"""`Results`: a sweep, or a part of it, that is to be drawn."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binland.checks import checked_path
from binland.errors import StoreError
from binland.sweep.load import load_results
from binland.sweep.spec import Axis
from binland.sweep.store.layout import DONE, Layout
from binland.sweep.store.opening import texts
from binland.sweep.store.store import Store
from binland.sweep.words import STATES, TRAINING

MOST = 200  # algorithms in a figure
ID = f"{TRAINING}_id"


class Results(NamedTuple):
    """A sweep to be drawn, or the part of it at one value of an axis.

    path: the file. layout: its tasks and dimensions. settings: tables of its configuration. data: its measurements as
    `load_results` returns them. fixed: names and values of axes that `data` no longer has. theory: whether curves of
    theory are added.
    """

    path: Path
    layout: Layout
    settings: Mapping[str, Any]
    data: xr.Dataset
    fixed: dict[str, float]
    theory: bool = False

    @property
    def axes(self) -> list[Axis]:
        """The swept settings that are dimensions of the data."""
        return [axis for axis in self.layout.axes if axis.name not in self.fixed]

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the symmetry states that are drawn, such as "raw" and "aligned"; empty without such a dimension."""
        if STATES not in self.layout.inner:
            return ()
        return tuple(map(str, self.layout.inner[STATES].values))[: self.layout.states_shown]  # type: ignore[arg-type]

    @property
    def labels(self) -> list[str]:
        """Labels of the algorithms that are drawn, at most MOST."""
        return list(self.layout.labels)[:MOST]

    @property
    def figure(self) -> Mapping[str, Any]:
        """The table [figure] of the configuration; empty if it has none."""
        table = self.settings.get("figure")
        return table if isinstance(table, Mapping) else {}

    def slices(self) -> "Iterator[tuple[str, Results]]":
        """Parts to draw after endings of file names: the whole sweep, or of two swept settings a part per value."""
        if len(self.axes) < 2:
            yield "", self
            return
        x = max(self.axes, key=lambda axis: len(axis.values))
        other = next(axis for axis in self.axes if axis is not x)
        for value in sorted(other.values):
            part = self._replace(data=self.data.sel({other.name: value}), fixed={**self.fixed, other.name: value})
            yield f"_{other.name}_{shown_number(value)}", part

    def points(self) -> list[dict[str, float]]:
        """Every point of the grid as {name of the axis: value}, in increasing order."""
        return values_of(self.axes)

    def named_points(self) -> Iterator[tuple[str, dict[str, float]]]:
        """The same points, each after the ending of its file names, such as "_n_inputs_1001"."""
        for point in self.points():
            yield "".join(f"_{name}_{shown_number(value)}" for name, value in (self.fixed | point).items()), point

    def words_of(self, point: Mapping[str, float]) -> str:
        """A point as text, for example "N = 1001;"; empty if nothing is swept."""
        words = ", ".join(
            f"{self._symbol(name)} = {shown_number(value)}" for name, value in (self.fixed | {**point}).items()
        )
        return f"{words};" if words else ""

    def at(self, point: Mapping[str, float]) -> str:
        """A point as the end of a text, for example " at N = 1001"; empty if nothing is swept."""
        words = self.words_of(point).rstrip(";")
        return f" at {words}" if words else ""

    def _symbol(self, name: str) -> str:
        return next(axis.symbol for axis in self.layout.axes if axis.name == name)

    def done(self, kind: str, data: xr.Dataset) -> NDArray[np.bool_]:
        """Which tasks of a kind are done; in older files, which measured right after training, which trainings are."""
        name = f"{kind}_state" if f"{kind}_state" in data else f"{TRAINING}_state"
        return (data[name] == DONE).to_numpy()

    def any_done(self, kind: str, data: xr.Dataset) -> bool:
        """Whether the file has tasks of a kind and at least one of them is done."""
        known = kind in self.layout.kinds or kind in self.data
        return known and bool(self.done(kind, data).any())


def values_of(axes: Iterable[Axis]) -> list[dict[str, float]]:
    """Every combination of the values of some axes, as {name: value}, in increasing order."""
    points: list[dict[str, float]] = [{}]
    for axis in axes:
        points = [{**point, axis.name: value} for point in points for value in sorted(axis.values)]
    return points


def shown_number(value: float) -> str:
    """A number as text: integers with all digits, others with six."""
    return str(value) if isinstance(value, int) else f"{value:.12g}"


def read(path: str | Path, theory: bool = False) -> Results:
    """Read a file of results to draw it. theory: whether to add curves of theory.

    Raises StoreError if the file is missing, not a file of binland's results, or without a finished task.
    """
    path = checked_path("path", path)
    store, data = Store.open(path), load_results(path)
    if not bool((data[f"{TRAINING}_state"] == DONE).any()):
        raise StoreError(f"{path}: no finished task; `binland status` shows why, `binland sweep` goes on with it")
    return Results(path, store.layout, store.settings, _with_ids(data, store), {}, theory)


def _with_ids(data: xr.Dataset, store: Store) -> xr.Dataset:
    """Results with the ids of the solutions, which are equal where a setting is there twice; old files have none."""
    with store.snapshot() as snapshot:
        if ID not in snapshot.file:
            return data
        return data.assign({ID: (data[f"{TRAINING}_state"].dims, texts(snapshot.read(ID)))})
