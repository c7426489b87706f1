"""Distances of pairs of solutions, and the error along random shortest paths between them, `[measure.pair]`.

Verbs: distance(a, b) -> float; shortest_paths(start, end, train, orders, seed, points, compute) -> a `Barrier`. points:
at how many points of a path errors are counted, for families that do not count after every step; "all" is every one.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Positive
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
        """At how many points errors are counted, where a family does not count after every step."""
        return self.profile_points if self.evaluated_points is None else self.evaluated_points

    def path_key(self) -> dict[str, Any]:
        """What changes the numbers of a path."""
        own = {} if self.evaluated_points is None else {"evaluated_points": self.evaluated_points}
        return {"orders": self.orders, "profile_points": self.profile_points, **own}


def position(settings: PathSettings) -> Coordinate:
    """The dimension along a path."""
    steps = tuple(np.linspace(0, 1, settings.profile_points).tolist())
    return Coordinate(steps, "fraction of the path's flips that are done")


def path_limits(settings: PathSettings, name: str) -> list[tuple[float, str, str]]:
    """Points of a path."""
    return [(settings.profile_points, "points of a path", f"measure.{name}.profile_points")]


def thinned(settings: PathSettings, profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """A profile at profile_points points."""
    steps = np.linspace(0, len(profile) - 1, settings.profile_points).round().astype(int)
    return profile[steps]


class Pair(Measure[PathSettings]):
    """Distances and barriers between two solutions, in every symmetry state."""

    name, of, by_default = "pair", 2, True
    Settings = PathSettings

    def needs(self, settings: PathSettings) -> tuple[str, ...]:
        """A distance, and paths of shortest length."""
        return ("distance", "shortest_paths")

    def variables(self, settings: PathSettings) -> dict[str, Variable]:
        """Per state: distance, barrier of every path, mean curve."""
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
        """Orders, and places along a path."""
        return {"order": Coordinate(settings.orders), "position": position(settings)}

    def streams(self, settings: PathSettings, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """The orders of the steps, in every state."""
        return {state: {"purpose": "path", "symmetry": state} for state in states}

    def key(self, settings: PathSettings) -> dict[str, Any]:
        """What is counted and kept of a path."""
        return settings.path_key()

    def limits(self, settings: PathSettings) -> list[tuple[float, str, str]]:
        """Points of a path."""
        return path_limits(settings, "pair")

    def run(self, settings: PathSettings, case: Case) -> Arrays:
        """Distance and paths, in every state."""
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
        """Distances and barriers."""
        return [(2, draw_distances), (3, draw_barriers)]

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Errors along paths at every point of the grid; barriers between algorithms."""
        for ending, point in results.named_points():
            figure = draw_paths(results, point)
            if figure is not None:
                yield f"_paths{ending}", figure
        if "across_barrier" in results.data:
            yield from draw_across(results)


def draw_distances(axes: "Axes", results: Any) -> None:
    """Distances against the swept setting."""
    from binland.plots.curves import draw_states

    draw_states(axes, results, "distance", results.layout.words["distance"])


def draw_barriers(axes: "Axes", results: Any) -> None:
    """Barriers against the swept setting."""
    from binland.plots.curves import draw_states

    draw_states(axes, results, "barrier", "barrier: maximum train error (%)", scale=100, from_zero=True)


# Errors around solutions and along the paths between them (Fig. 7 of the paper)

Curve = Callable[["xr.Dataset"], tuple[NDArray[np.float64], ...]]
WIDTH, HEIGHT = 9.6, 4.1  # inches, without headline and legend


def draw_paths(
    results: Any,
    point: dict[str, Any],
    inset: Callable[["Axes", Any, "xr.Dataset"], None] | None = None,
    room: float = 1,
) -> "Figure | None":
    """Local energies beside errors on random shortest paths; None if none is done. inset: draws above them, where the
    panel is `room` times as high as the highest path.
    """
    from matplotlib.figure import Figure

    from binland.measures.local_energy import draw_local_energies
    from binland.plots.legend import algorithm_entries, framed
    from binland.plots.style import counted, error_bar_text, headline, short

    at = results.data.sel(point)
    if not results.any_done("pair", at):
        return None
    beside = results.any_done("local_energy", at)
    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    *energies, paths = np.atleast_1d(figure.subplots(1, 1 + beside))
    if beside:
        draw_local_energies(energies[0], results, point)
    draw_along(paths, results, at, _shortest)
    paths.set_xlabel(f"{results.layout.words['distance'].replace(' (', ' from the start (')}")
    paths.set_ylabel("train error (%) on random shortest paths")
    paths.set_ylim(0, room * max(paths.get_ylim()[1], 0.01))
    paths.set_yticks([tick for tick in paths.get_yticks() if tick <= 100])
    if inset is not None:
        inset(paths, results, at)
    counts = f"{counted(at.sizes['order'], 'order')}, {at.sizes['pair']} directed pairs;"
    about = headline(
        results, results.words_of(point), counts, f"{error_bar_text(at, 'error bars and bands')}.", inches=WIDTH
    )
    return framed(figure, about, algorithm_entries(results, _texts(results, at, short)))


def _texts(results: Any, at: "xr.Dataset", short: Callable[[str], str]) -> dict[str, str]:
    """Labels of the legend, with test errors if they are known."""
    if "test_error" not in at:
        return {name: short(name) for name in results.labels}
    tests = 100 * at["test_error"].mean(["disorder", "solution"])
    return {name: f"{short(name)}, test error {float(tests.sel(algorithm=name)):.3g} %" for name in results.labels}


def draw_along(axes: "Axes", results: Any, at: "xr.Dataset", curve: Curve, **more: Any) -> None:
    """Mean and band of every algorithm: raw light, the last state dark. more: how lines look besides."""
    from binland.plots.style import opacity, style

    for algorithm in results.labels:
        for state in results.states:
            x, mean, error = curve(at.sel(algorithm=algorithm, symmetry=state))
            look = {key: value for key, value in style(results, algorithm).items() if key != "marker"} | more
            light = opacity(results, state)
            axes.plot(x, 100 * mean, alpha=light, linewidth=1.3, **look)
            band = np.nan_to_num(error)
            axes.fill_between(
                x, 100 * (mean - band), 100 * (mean + band), alpha=light / 4, color=look["color"], linewidth=0
            )


def _shortest(at: "xr.Dataset") -> tuple[NDArray[np.float64], ...]:
    """Distance from the start, mean train error and its error bar."""
    from binland.plots.style import mean_and_error

    x = float(at["distance"].mean()) * at["position"].to_numpy()
    return x, *mean_and_error(at["path_error"], "position")


def draw_across(results: Any) -> Iterator[tuple[str, "Figure"]]:
    """Barriers and distances between two algorithms, a curve for every two; of two axes along the longer one."""
    from binland.plots.curves import draw_between

    for ending, part in results.slices():
        yield f"_across{ending}", draw_between(part)


PAIR = Pair()
