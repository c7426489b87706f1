"""Distances of pairs of solutions, and errors along random shortest paths between them, `[measure.pair]`.

Verbs: distance(a, b) -> float; shortest_paths(start, end, train, orders, seed, points, compute) -> a `Barrier`, where
points is the number of points at which errors are counted, or "all"; families that always count after every flip ignore
it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.plots.chart import Axis, Chart, Curve, Inset, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Positive
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

Points = Annotated[int, Field(ge=2)]


class PathSettings(OfPairs):
    """What measures of random shortest paths have in common."""

    orders: Positive = Field(5, description="random orders of the flips, a path each, for every pair")
    profile_points: Points = Field(51, description="points of the stored curve of train errors")
    evaluated_points: Points | Literal["all"] | None = Field(
        None,
        description="of deep networks: at how many points errors are counted, by default at those that are stored;"
        " perceptrons and committee machines always count after every flip",
    )

    @property
    def points(self) -> int | str:
        """Number of points at which errors are counted, for families that do not count after every flip."""
        return self.profile_points if self.evaluated_points is None else self.evaluated_points

    def path_key(self) -> dict[str, Any]:
        """Settings that change the numbers of a path."""
        own = {} if self.evaluated_points is None else {"evaluated_points": self.evaluated_points}
        return {"orders": self.orders, "profile_points": self.profile_points, **own}


def position(settings: PathSettings) -> Coordinate:
    """The dimension along a path."""
    steps = tuple(np.linspace(0, 1, settings.profile_points).tolist())
    return Coordinate(steps, "fraction of the path's flips that are done")


def path_limits(settings: PathSettings, name: str) -> list[tuple[float, str, str]]:
    """Number of points of a path, for `Measure.limits`."""
    return [(settings.profile_points, "points of a path", f"measure.{name}.profile_points")]


def thinned(settings: PathSettings, profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve reduced to profile_points points."""
    steps = np.linspace(0, len(profile) - 1, settings.profile_points).round().astype(int)
    return profile[steps]


class Pair(Measure[PathSettings]):
    """Distances and barriers between two solutions, in every symmetry state."""

    name, of, by_default = "pair", 2, True
    Settings = PathSettings

    def needs(self, settings: PathSettings) -> tuple[str, ...]:
        """Verbs: distances, and random shortest paths."""
        return ("distance", "shortest_paths")

    def variables(self, settings: PathSettings) -> dict[str, Variable]:
        """Stored per symmetry state: distance, barrier of every path, mean curve."""
        return {
            "distance": Variable(("symmetry",), "f8", "1", "Hamming distance, fraction of the weights"),
            "barrier": Variable(("symmetry", "order"), "f8", "1", "highest train error on a random shortest path"),
            "barrier_points": Variable(("symmetry",), "f8", "1", "points of a path at which errors were counted"),
            "barrier_of_mean": Variable(
                ("symmetry",), "f8", "1", "maximum of the train error averaged over the orders"
            ),
            "path_error": Variable(("symmetry", "position"), "f8", "1", "train error along the path, mean over orders"),
        }

    def coordinates(self, settings: PathSettings) -> dict[str, Coordinate]:
        """Orders of flips, and positions along a path."""
        return {"order": Coordinate(settings.orders), "position": position(settings)}

    def streams(self, settings: PathSettings, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """Random stream of the orders, for every symmetry state."""
        return {state: {"purpose": "path", "symmetry": state} for state in states}

    def key(self, settings: PathSettings) -> dict[str, Any]:
        """Settings that change the numbers."""
        return settings.path_key()

    def limits(self, settings: PathSettings) -> list[tuple[float, str, str]]:
        """Number of points of a path."""
        return path_limits(settings, "pair")

    def run(self, settings: PathSettings, case: Case) -> Arrays:
        """Measure distance and paths in every symmetry state."""
        distances, paths = [], []
        for state, (start, end) in case.views():
            distances.append(case.family.distance(start, end))
            seed = case.seeds[state]
            paths.append(
                case.family.shortest_paths(start, end, case.train, settings.orders, seed, settings.points, case.compute)
            )
        return {
            "distance": np.array(distances),
            "barrier": np.array([path.samples for path in paths]),
            "barrier_points": np.array([path.n_points for path in paths], float),
            "barrier_of_mean": np.array([path.max_of_mean for path in paths]),
            "path_error": np.array([thinned(settings, path.profile) for path in paths]),
        }

    def panels(self, results: Any) -> list[Any]:
        """Distances and barriers against the swept setting."""
        return [distances(results), barriers(results)]

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Errors along paths for every point of the grid; distances and barriers between algorithms."""
        for ending, point in results.named_points():
            if results.any_done("pair", results.data.sel(point)):
                yield f"_paths{ending}", paths(results, point)
        if "across_barrier" in results.data:
            yield from across(results)


def distances(results: Any) -> Panel:
    """Distances against the swept setting, a curve for each algorithm and symmetry state."""
    from binland.plots.curves import of_states, swept_panel

    return swept_panel(results, "distance", results.layout.words["distance"], of_states(results, "distance"), order=2)


def barriers(results: Any) -> Panel:
    """Barriers against the swept setting, a curve for each algorithm and symmetry state."""
    from binland.plots.curves import of_states, swept_panel

    curves = of_states(results, "barrier", 100)
    return swept_panel(results, "barrier", "barrier: maximum train error (%)", curves, order=3, zero=True)


# Errors around solutions and along the paths between them (Fig. 7 of the paper)

Along = Callable[["xr.Dataset"], tuple[NDArray[np.float64], ...]]  # distance from the start, mean, error bar


def paths(results: Any, point: dict[str, Any], inset: Inset | None = None, room: float = 1) -> Chart:
    """Two panels: local energies if they were measured, and errors along random shortest paths.

    inset: a small panel above the paths. room: how high their panel is, in units of the highest curve.
    """
    from binland.measures.local_energy import local_energies
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import counted, headline

    at = results.data.sel(point)
    curves = along_paths(results, at, _shortest)
    label = results.layout.words["distance"].replace(" (", " from the start (")
    high = room * max([*(one.highest for one in curves), 0.01])
    y = Axis("train error (%) on random shortest paths", low=0, high=1.05 * high)
    panels = [local_energies(results, point)] if results.any_done("local_energy", at) else []
    panels.append(Panel("paths", Axis(label), y, curves, inset=inset))
    counts = f"{counted(at.sizes['order'], 'order')}, {counted(at.sizes['pair'], 'directed pair')};"
    bars = f"{error_bar_text(at, 'error bars and bands')}."
    entries = algorithm_entries(results, _texts(results, at))
    return Chart(panels, headline(results, results.words_of(point), counts, bars), entries=entries, size=(4.8, 4.1))


def _texts(results: Any, at: "xr.Dataset") -> dict[str, str]:
    """Texts of the legend: the algorithms, with their test errors if they are known."""
    from binland.plots.text import digits, short

    if "test_error" not in at:
        return {name: short(name) for name in results.labels}
    tests = 100 * at["test_error"].mean(["disorder", "solution"])
    return {name: f"{short(name)}, test error {digits(float(tests.sel(algorithm=name)))} %" for name in results.labels}


def along_paths(
    results: Any, at: "xr.Dataset", values: Along, look: Mapping[str, Any] | None = None, **labels: str
) -> list[Curve]:
    """Curves along paths in percent, mean and band, for each algorithm and symmetry state.

    values: a function of the data that returns distance from the start, mean and error bar, each (T,). look: fields of
    `Look` to change. labels: further labels of the curves.
    """
    from binland.plots.curves import curve, each

    curves = []
    for place, usual in each(results):
        x, *mean_error = values(at.sel(place))
        shown = replace(usual, **(look or {}))
        one = curve(x, (mean_error[0], np.nan_to_num(mean_error[1])), 100, shown, **place, **labels)
        curves.append(replace(one, band=True))
    return curves


def _shortest(at: "xr.Dataset") -> tuple[NDArray[np.float64], ...]:
    """Distance from the start, mean train error and its error bar, each of shape (T,)."""
    from binland.plots.error_bars import mean_and_error

    x = float(at["distance"].mean()) * at["position"].to_numpy()
    return x, *mean_and_error(at["path_error"], "position")


def across(results: Any) -> Iterator[tuple[str, Chart]]:
    """Distances and barriers between solutions of two algorithms against the (longer) swept setting."""
    from binland.plots.curves import between

    for ending, part in results.slices():
        yield f"_across{ending}", between(part)


PAIR = Pair()
