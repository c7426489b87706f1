"""Errors and losses on lines between two continuous networks, raw, aligned, and on geodesics of the aligned ones,
`[measure.lines]` (paper, section 4.2, Figs. 2, 5 and 9).

Verbs: normalized(solution); aligned(solution, to, method, train, restarts, seed, compute) -> solution; distance(a, b);
line(start, end, train, compute, kind, points, beyond, test, reestimate) -> a path with .ts, .errors, .losses,
.test_errors, .test_losses, .length, .barrier, .ainsworth, .entezari and .frankle.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.geometry import places_on_line
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Shape = Literal["linear", "linear-aligned", "geodesic-aligned"]
Method = Literal["greedy", "coordinate", "activations"]
SHAPES: tuple[Shape, ...] = ("linear", "linear-aligned", "geodesic-aligned")


class LineOf(NamedTuple):
    """A kind of lines: straight between the networks as they are, or aligned by a method, or a geodesic."""

    shape: Shape
    method: Method | None

    @property
    def kind(self) -> str:
        """ "linear" or "geodesic" """
        return self.shape.partition("-")[0]

    def __str__(self) -> str:
        return self.shape if self.method in (None, "greedy") else f"{self.shape}, {self.method}"


class AlignedSettings(OfPairs):
    """What measures of lines have in common."""

    shapes: Annotated[list[Shape], Field(min_length=1), distinct("shape")] = Field(
        list(SHAPES),
        description="lines between networks as they are, between aligned ones, and geodesics between normalised and"
        " aligned ones",
    )
    methods: Annotated[list[Method], Field(min_length=1), distinct("method")] = Field(
        ["greedy"],
        description="of alignment: layer by layer (the paper's Alg. 2), coordinate descent over layers (Git Re-Basin),"
        " or by activations on the training data",
    )
    restarts: int = Field(8, ge=1, le=1000, description="starts of the coordinate descent, of which the best is kept")
    reestimate: bool = Field(True, description="whether batch-norm statistics are estimated anew at every point")

    @property
    def lines(self) -> list[LineOf]:
        """Every shape, the aligned ones with every method."""
        found = []
        for shape in self.shapes:
            found += [LineOf(shape, method) for method in self.methods] if "aligned" in shape else [LineOf(shape, None)]
        return found


def ends_of(settings: AlignedSettings, case: Case, line: LineOf) -> tuple[Any, Any]:
    """The two networks of a line, normalised and aligned as it asks."""
    start, end = case.solutions
    if line.kind == "geodesic":
        start, end = case.family.normalized(start), case.family.normalized(end)
    if line.method is not None:
        seed = case.seeds[f"align {line.kind} {line.method}"]
        end = case.family.aligned(end, start, line.method, case.train, settings.restarts, seed, case.compute)
    return start, end


def alignment_streams(settings: AlignedSettings) -> dict[str, dict[str, Any]]:
    """Restarts and orders of the alignments: one stream for each, the same for all measures."""
    return {
        f"align {line.kind} {line.method}": {
            "purpose": "alignment",
            "space": line.kind,
            "method": line.method,
            "restarts": settings.restarts,
        }
        for line in settings.lines
        if line.method is not None
    }


class LineSettings(AlignedSettings):
    """[measure.lines]"""

    points: int = Field(25, ge=2, le=10_000, description="points of a line between the two ends, both included")
    beyond: float = Field(
        0.0, ge=0, le=10, description="how far the line goes on behind both ends, as a fraction of its length"
    )

    @property
    def places(self) -> NDArray[np.float64]:
        """Parameters of the points, as `db.path` takes them."""
        return places_on_line(self.points, self.beyond)


class Lines(Measure[LineSettings]):
    """Lines between two solutions."""

    name, of, by_default = "lines", 2, True
    Settings = LineSettings

    def needs(self, settings: LineSettings) -> tuple[str, ...]:
        """Lines and symmetries."""
        return ("line", "normalized", "aligned", "distance")

    def test_patterns(self) -> bool:
        """Along the lines."""
        return True

    def variables(self, settings: LineSettings) -> dict[str, Variable]:
        """Per line: curves, barriers in four definitions, lengths."""
        curve, one = ("line", "line_position"), ("line",)
        return {
            "line_error": Variable(curve, "f8", "1", "train error along the line"),
            "line_loss": Variable(curve, "f8", "nat", "train loss along the line"),
            "line_test_error": Variable(curve, "f8", "1", "test error along the line"),
            "line_test_loss": Variable(curve, "f8", "nat", "test loss along the line"),
            "line_barrier": Variable(one, "f8", "1", "highest train error from 0 to 1"),
            "line_ainsworth": Variable(one, "f8", "nat", "highest train loss minus the mean of the ends'"),
            "line_entezari": Variable(one, "f8", "nat", "train loss in the middle minus the mean of the ends'"),
            "line_frankle": Variable(one, "f8", "1", "highest train error minus the mean of the ends'"),
            "line_length": Variable(one, "f8", "1", "length of the line, Euclidean or geodesic"),
            "line_distance": Variable(one, "f8", "1", "geodesic distance of its ends, normalised"),
        }

    def coordinates(self, settings: LineSettings) -> dict[str, Coordinate]:
        """Lines, and places along them."""
        return {
            "line": Coordinate(tuple(map(str, settings.lines)), "kind of line"),
            "line_position": Coordinate(tuple(settings.places.tolist()), "place on the line, from 0 to 1"),
        }

    def streams(self, settings: LineSettings, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """The alignments."""
        return alignment_streams(settings)

    def limits(self, settings: LineSettings) -> list[tuple[float, str, str]]:
        """Points of all lines."""
        return [(len(settings.places) * len(settings.lines), "points on lines", "measure.lines")]

    def quick(self, settings: LineSettings) -> tuple[LineSettings, float]:
        """Two points of each."""
        return settings.model_copy(update={"points": 2, "beyond": 0.0}), len(settings.places) / 2

    def run(self, settings: LineSettings, case: Case) -> Arrays:
        """Every line."""
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        options = {"points": settings.points, "beyond": settings.beyond, "reestimate": settings.reestimate}
        for line in settings.lines:
            start, end = ends_of(settings, case, line)
            found = case.family.line(start, end, case.train, case.compute, kind=line.kind, test=case.test, **options)
            for name in ("barrier", "ainsworth", "entezari", "frankle", "length"):
                columns[f"line_{name}"].append(getattr(found, name))
            columns["line_error"].append(found.errors)
            columns["line_loss"].append(found.losses)
            columns["line_test_error"].append(found.test_errors)
            columns["line_test_loss"].append(found.test_losses)
            columns["line_distance"].append(case.family.distance(start, end))
        return {name: np.array(values) for name, values in columns.items()}

    def panels(self, results: Any) -> list[Any]:
        """Distances and barriers of the last kind of lines."""
        return [(2, draw_distances), (3, draw_barriers)]

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Errors along lines and distances at every point of the grid; barriers along the grid."""
        for ending, point in results.named_points():
            if results.any_done("lines", results.data.sel(point)):
                yield f"_lines{ending}", draw_lines(results, point, "line_error", "train error (%)")
                yield f"_lines_test{ending}", draw_lines(results, point, "line_test_error", "test error (%)")
                yield f"_distances{ending}", draw_pair_distances(results, point)
        for ending, part in results.slices():
            if part.axes:
                yield f"_line_barriers{ending}", draw_barriers_along(part)


# Figures


class Pairs(NamedTuple):
    """Pairs of solutions of two algorithms, or of one: what figures call them, and their data with a dimension for
    them, all running from the first to the second."""

    first: str
    second: str
    data: "xr.Dataset"
    prefix: str  # of the measure's variables in the data

    @property
    def label(self) -> str:
        """Such as "RSGD-SGD"."""
        return f"{self.first}-{self.second}"

    def values(self, name: str) -> "xr.DataArray":
        """A variable of the measure for these pairs."""
        return self.data[f"{self.prefix}{name}"]


def pairs_of(results: Any, data: "xr.Dataset", kind: str) -> Iterator[Pairs]:
    """Pairs within each algorithm and, if measured, of every two, in the order of the algorithms."""
    labels, across = results.labels, f"across_{kind}_state" in data
    for k, a in enumerate(labels):
        for b in labels[k:] if across else [a]:
            if a == b:
                yield Pairs(a, b, data.sel(algorithm=a), "")
            else:
                here = (data["across_algorithm"] == a) & (data["across_to_algorithm"] == b)
                yield Pairs(a, b, data.sel(across=here), "across_")


def colours_of(results: Any) -> dict[str, dict[str, Any]]:
    """How pairs look: those of one algorithm in its colour, those of two in the colours of mixed pairs."""
    from binland.plots.style import style

    looks: dict[str, dict[str, Any]] = {}
    mixed = 0
    for k, a in enumerate(results.labels):
        looks[f"{a}-{a}"] = {"color": style(results, a)["color"], "linestyle": "-"}
        for b in results.labels[k + 1 :]:
            looks[f"{a}-{b}"] = {"color": MIXED[mixed % len(MIXED)], "linestyle": "--"}
            mixed += 1
    return looks


MIXED = ("#56B4E9", "#E69F00", "#332288", "#CC5C99", "#999933", "#555555")
PANEL, HEIGHT = 3.6, 3.7  # inches


def draw_lines(results: Any, point: dict[str, Any], name: str, label: str) -> "Figure":
    """A panel for each kind of lines, a curve for each two algorithms (Fig. 2)."""
    from matplotlib.figure import Figure

    data = results.data.sel(point)
    kinds = [str(kind) for kind in data["line"].to_numpy()]
    figure = Figure((PANEL * len(kinds) + 0.6, HEIGHT), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(kinds), sharey=True))
    looks = colours_of(results)
    for panel, kind in zip(panels, kinds, strict=True):
        for pairs in pairs_of(results, data, "lines"):
            draw_curve(panel, pairs.values(name).sel(line=kind), "line_position", looks[pairs.label])
        panel.set_title(kind, fontsize=9)
        panel.set_xlabel("place on the line (first algorithm at 0)", fontsize=8)
    panels[0].set_ylabel(label)
    panels[0].set_ylim(bottom=0)
    return framed_pairs(figure, results, point, data, "lines", "bands")


def draw_curve(axes: "Axes", values: "xr.DataArray", along: str, look: dict[str, Any]) -> None:
    """Mean and band, in percent."""
    from binland.plots.style import mean_and_error

    mean, error = mean_and_error(values, along)
    x, band = values[along].to_numpy(), np.nan_to_num(error)
    axes.plot(x, 100 * mean, linewidth=1.4, **look)
    axes.fill_between(x, 100 * (mean - band), 100 * (mean + band), color=look["color"], alpha=0.2, linewidth=0)


def framed_pairs(
    figure: "Figure", results: Any, point: dict[str, Any], data: "xr.Dataset", kind: str, bars: str
) -> "Figure":
    """Headline, and a legend of pairs."""
    from matplotlib.lines import Line2D

    from binland.plots.legend import framed
    from binland.plots.style import error_bar_text, headline, plain

    looks = colours_of(results)
    shown = [pairs.label for pairs in pairs_of(results, data, kind)]
    entries = [(Line2D([], [], linewidth=1.4, **looks[label]), plain(label)) for label in shown]
    about = f"{data.sizes['solution']} solutions of each; {error_bar_text(data, bars)}."
    title = headline(results, results.words_of(point), about, inches=figure.get_figwidth(), size=8)
    return framed(figure, title, entries, size=8)


def draw_pair_distances(results: Any, point: dict[str, Any]) -> "Figure":
    """Geodesic distances and barriers of each two algorithms, a colour for every kind of lines (Figs. 5 and 17)."""
    from matplotlib.figure import Figure

    from binland.plots.legend import framed
    from binland.plots.style import error_bar_text, headline

    data = results.data.sel(point)
    kinds = [str(kind) for kind in data["line"].to_numpy()]
    figure = Figure((9.6, HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = list(pairs_of(results, data, "lines"))
    for axes, name, scale, label in (
        (left, "line_distance", 1, "geodesic distance of the normalised ends"),
        (right, "line_barrier", 100, "barrier: highest train error (%)"),
    ):
        for k, kind in enumerate(kinds):
            draw_row(axes, [pairs.values(name).sel(line=kind) for pairs in shown], scale, k, len(kinds))
        axes.set_xticks(range(len(shown)), [pairs.label for pairs in shown], fontsize=7)
        axes.set_ylabel(label)
    about = f"{data.sizes['solution']} solutions of each; {error_bar_text(data)}."
    title = headline(results, results.words_of(point), about, inches=9.6)
    return framed(figure, title, row_entries(kinds))


def draw_row(axes: "Axes", columns: Sequence["xr.DataArray"], scale: float, k: int, count: int) -> None:
    """Points with error bars, one for each column, row k of several."""
    from binland.plots.curves import BETWEEN
    from binland.plots.style import mean_and_error

    found = [mean_and_error(values.expand_dims("nothing"), "nothing") for values in columns]
    mean, error = (scale * np.concatenate([one[j] for one in found]) for j in (0, 1))
    x = np.arange(len(columns)) + 0.5 * (k - (count - 1) / 2) / count
    axes.errorbar(x, mean, error, fmt="osD^vP"[k % 6], color=BETWEEN[k % len(BETWEEN)], markersize=5, capsize=2.5)


def row_entries(kinds: Sequence[str]) -> list[tuple[Any, str]]:
    """The legend of rows."""
    from matplotlib.lines import Line2D

    from binland.plots.curves import BETWEEN

    return [
        (Line2D([], [], linestyle="", marker="osD^vP"[k % 6], color=BETWEEN[k % len(BETWEEN)], markersize=5), kind)
        for k, kind in enumerate(kinds)
    ]


def draw_barriers_along(results: Any) -> "Figure":
    """Barriers within each algorithm against what is swept, a curve for every kind of lines."""
    from matplotlib.figure import Figure

    from binland.plots.curves import BETWEEN, draw_one, label_x
    from binland.plots.legend import framed
    from binland.plots.style import error_bar_text, headline

    kinds = [str(kind) for kind in results.data["line"].to_numpy()]
    figure = Figure((max(4.8, PANEL * len(results.labels) + 0.6), HEIGHT), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(results.labels), sharey=True))
    for panel, label in zip(panels, results.labels, strict=True):
        for k, kind in enumerate(kinds):
            look = {"color": BETWEEN[k % len(BETWEEN)], "marker": "osD^vP"[k % 6], "linestyle": "-"}
            draw_one(panel, results, results.data["line_barrier"].sel(algorithm=label, line=kind), 100, look)
        label_x(panel, results, top=False)
        panel.set_title(label, fontsize=9)
    panels[0].set_ylabel("barrier: highest train error (%)")
    panels[0].set_ylim(bottom=0)
    about = f"{results.data.sizes['pair']} directed pairs of each; {error_bar_text(results.data)}."
    title = headline(results, results.words_of({}), about, inches=figure.get_figwidth(), size=8)
    return framed(figure, title, row_entries(kinds), size=8)


def draw_distances(axes: "Axes", results: Any) -> None:
    """Distances of the ends of the last kind of lines against the swept setting."""
    from binland.plots.curves import draw_curves

    last = str(results.data["line"].to_numpy()[-1])
    draw_curves(axes, results, "line_distance", f"geodesic distance ({last})", at={"line": last})


def draw_barriers(axes: "Axes", results: Any) -> None:
    """Barriers of the last kind of lines against the swept setting."""
    from binland.plots.curves import draw_curves

    last = str(results.data["line"].to_numpy()[-1])
    draw_curves(axes, results, "line_barrier", f"barrier: highest train error (%), {last}", 100, at={"line": last})


LINES = Lines()
