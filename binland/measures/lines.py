"""Errors and losses on lines between two continuous networks, raw, aligned, and on geodesics of the aligned ones,
`[measure.lines]` (paper, section 4.2, Figs. 2, 5 and 9).

Verbs: normalized(solution); aligned(solution, to, method, train, restarts, seed, compute) -> solution; distance(a, b);
line(start, end, train, compute, kind, points, beyond, test, reestimate) -> a path with .ts, .errors, .losses,
.test_errors, .test_losses, .length, .barrier, .ainsworth, .entezari and .frankle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.geometry import places_on_line
from binland.plots.chart import Axis, Chart, Curve, Entry, Look, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

Shape = Literal["linear", "linear-aligned", "geodesic-aligned"]
Method = Literal["greedy", "coordinate", "activations"]
SHAPES: tuple[Shape, ...] = ("linear", "linear-aligned", "geodesic-aligned")


class LineOf(NamedTuple):
    """A kind of line between two continuous networks: straight or geodesic, as they are or after an alignment."""

    shape: Shape
    method: Method | None

    @property
    def kind(self) -> str:
        """Shape of the line, "linear" or "geodesic"."""
        return self.shape.partition("-")[0]

    def __str__(self) -> str:
        return self.shape if self.method in (None, "greedy") else f"{self.shape}, {self.method}"


class ShapeSettings(OfPairs):
    """What measures of paths have in common: how ends are prepared."""

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

    @property
    def lines(self) -> list[LineOf]:
        """Every kind of line: each shape, the aligned ones with every method."""
        found = []
        for shape in self.shapes:
            found += [LineOf(shape, method) for method in self.methods] if "aligned" in shape else [LineOf(shape, None)]
        return found


class AlignedSettings(ShapeSettings):
    """What measures of lines have in common."""

    reestimate: bool = Field(True, description="whether batch-norm statistics are estimated anew at every point")


def ends_of(settings: ShapeSettings, case: Case, line: LineOf) -> tuple[Any, Any]:
    """The two ends of a kind of line, normalised and aligned accordingly."""
    start, end = case.solutions
    if line.kind == "geodesic":
        start, end = case.family.normalized(start), case.family.normalized(end)
    if line.method is not None:
        seed = case.seeds[f"align {line.kind} {line.method}"]
        end = case.family.aligned(end, start, line.method, case.train, settings.restarts, seed, case.compute)
    return start, end


def alignment_streams(settings: ShapeSettings) -> dict[str, dict[str, Any]]:
    """Random streams of the alignments, the same for all measures that align."""
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
        """Places of the points on a line, as `db.path` has them."""
        return places_on_line(self.points, self.beyond)


class Lines(Measure[LineSettings]):
    """Lines between two solutions."""

    name, of, by_default = "lines", 2, True
    Settings = LineSettings

    def needs(self, settings: LineSettings) -> tuple[str, ...]:
        """Verbs: lines, normalisation and alignment."""
        return ("line", "normalized", "aligned", "distance")

    def test_patterns(self) -> bool:
        """True: test errors are measured along the lines."""
        return True

    def variables(self, settings: LineSettings) -> dict[str, Variable]:
        """Stored per line: curves of errors and losses, barriers by four definitions, lengths."""
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
        """Kinds of lines, and places along them."""
        return {
            "line": Coordinate(tuple(map(str, settings.lines)), "kind of line"),
            "line_position": Coordinate(tuple(settings.places.tolist()), "place on the line, from 0 to 1"),
        }

    def streams(self, settings: LineSettings, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """Random streams of the alignments."""
        return alignment_streams(settings)

    def limits(self, settings: LineSettings) -> list[tuple[float, str, str]]:
        """Number of points of all lines."""
        return [(len(settings.places) * len(settings.lines), "points on lines", "measure.lines")]

    def quick(self, settings: LineSettings) -> tuple[LineSettings, float]:
        """Two points of each line."""
        return settings.model_copy(update={"points": 2, "beyond": 0.0}), len(settings.places) / 2

    def run(self, settings: LineSettings, case: Case) -> Arrays:
        """Measure along every kind of line."""
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
        """Distances and barriers on the last kind of line in the configuration."""
        return [distances(results), barriers(results)]

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Errors along lines and distances for every point of the grid; barriers against the swept setting."""
        for ending, point in results.named_points():
            if results.any_done("lines", results.data.sel(point)):
                yield f"_lines{ending}", along_lines(results, point, "line_error", "train error (%)")
                yield f"_lines_test{ending}", along_lines(results, point, "line_test_error", "test error (%)")
                yield f"_distances{ending}", pair_distances(results, point)
        for ending, part in results.slices():
            if part.axes:
                yield f"_line_barriers{ending}", barriers_along(part)


# Figures


class Pairs(NamedTuple):
    """The pairs of solutions of two algorithms, or of one: names of both algorithms, and the data of these pairs.

    Every pair begins with a solution of the first algorithm; the data have one dimension that numbers the pairs.
    """

    first: str
    second: str
    data: "xr.Dataset"
    prefix: str  # beginning of the names of the measure's variables: "" or "across_"

    @property
    def label(self) -> str:
        """Both names, for example "RSGD-SGD"."""
        return f"{self.first}-{self.second}"

    @property
    def ends(self) -> dict[str, str]:
        """The two algorithms, as labels of a curve."""
        return {"first": self.first, "second": self.second}

    def values(self, name: str) -> "xr.DataArray":
        """A variable of the measure for these pairs."""
        return self.data[f"{self.prefix}{name}"]


def pairs_of(results: Any, data: "xr.Dataset", kind: str) -> Iterator[Pairs]:
    """The pairs within each algorithm, and those of every two algorithms if they were measured."""
    labels, across = results.labels, f"across_{kind}_state" in data
    for k, a in enumerate(labels):
        for b in labels[k:] if across else [a]:
            if a == b:
                yield Pairs(a, b, data.sel(algorithm=a), "")
            else:
                here = (data["across_algorithm"] == a) & (data["across_to_algorithm"] == b)
                yield Pairs(a, b, data.sel(across=here), "across_")


def looks_of(results: Any) -> dict[str, Look]:
    """Looks by label of the pairs: the colour of the algorithm, or another colour and dashes for two algorithms."""
    from binland.plots.style import style

    looks: dict[str, Look] = {}
    mixed = 0
    for k, a in enumerate(results.labels):
        looks[f"{a}-{a}"] = replace(style(results, a), line="-")
        for b in results.labels[k + 1 :]:
            looks[f"{a}-{b}"] = Look(MIXED[mixed % len(MIXED)], line="--")
            mixed += 1
    return looks


MIXED = ("#56B4E9", "#E69F00", "#332288", "#CC5C99", "#999933", "#555555")
SIZE = (3.7, 3.7)  # width and height of a panel in inches


def along_lines(results: Any, point: dict[str, Any], name: str, label: str) -> Chart:
    """Errors along lines: a panel for each kind of line, a curve for every two algorithms (Fig. 2)."""

    data = results.data.sel(point)
    looks = looks_of(results)
    panels = []
    for kind in map(str, data["line"].to_numpy()):
        curves = [
            band(pairs.values(name).sel(line=kind), "line_position", looks[pairs.label], **pairs.ends, line=kind)
            for pairs in pairs_of(results, data, "lines")
        ]
        axes = Axis("place on the line (0: first algorithm)"), Axis(label, zero=True)
        panels.append(Panel(f"{name}_{kind}", *axes, curves, title=kind))
    return of_pairs(panels, results, point, "lines")


def band(values: "xr.DataArray", along: str, look: Look, **labels: str) -> Curve:
    """A curve of the mean in percent, with its error as a band, against the dimension `along`."""
    from binland.plots.curves import curve
    from binland.plots.error_bars import mean_and_error

    mean, error = mean_and_error(values, along)
    one = curve(values[along].to_numpy(), (mean, np.nan_to_num(error)), 100, look, **labels)
    return replace(one, band=True)


def of_pairs(panels: list[Panel], results: Any, point: dict[str, Any], kind: str) -> Chart:
    """A chart of these panels with pairs of algorithms in its legend. kind: the measure that they are of."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.text import counted, headline

    data, looks = results.data.sel(point), looks_of(results)
    entries = [Entry(pairs.label, looks[pairs.label]) for pairs in pairs_of(results, data, kind)]
    about = f"{counted(data.sizes['solution'], 'solution')} of each; {error_bar_text(data, 'bands')}."
    facts = headline(results, results.words_of(point), about)
    return Chart(panels, facts, entries=entries, columns=len(panels), size=SIZE, share_y=True)


def pair_distances(results: Any, point: dict[str, Any]) -> Chart:
    """Geodesic distances and barriers of every two algorithms, a colour for each kind of line (Figs. 5 and 17)."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.text import counted, headline

    data = results.data.sel(point)
    kinds = [str(kind) for kind in data["line"].to_numpy()]
    pairs = list(pairs_of(results, data, "lines"))
    panels = [
        rows_panel(
            name, label, {kind: [one.values(name).sel(line=kind) for one in pairs] for kind in kinds}, pairs, unit
        )
        for name, unit, label in (
            ("line_distance", 1, "geodesic distance of the normalised ends"),
            ("line_barrier", 100, "barrier: highest train error (%)"),
        )
    ]
    about = f"{counted(data.sizes['solution'], 'solution')} of each; {error_bar_text(data)}."
    facts = headline(results, results.words_of(point), about)
    return Chart(panels, facts, entries=row_entries(kinds), size=(4.8, 3.7))


def rows_panel(
    name: str, label: str, rows: "Mapping[str, Sequence[xr.DataArray]]", pairs: Sequence[Pairs], scale: float
) -> Panel:
    """Points with error bars above the names of the pairs; each row, such as a kind of line, has its own colour."""
    from binland.plots.curves import curve
    from binland.plots.error_bars import of_one

    curves = []
    for k, (row, columns) in enumerate(rows.items()):
        points = [of_one(values) for values in columns]
        mean, error = (np.concatenate([one[j] for one in points]) for j in (0, 1))
        x = np.arange(len(columns)) + 0.5 * (k - (len(rows) - 1) / 2) / len(rows)
        curves.append(curve(x, (mean, error), scale, row_look(k), row=row))
    ticks = [(float(k), pair.label) for k, pair in enumerate(pairs)]
    return Panel(name, Axis(ticks=ticks, slanted=len(ticks) > 4), Axis(label), curves)


def row_look(k: int, line: str = "") -> Look:
    """The look of the k-th row."""
    from binland.plots.style import BETWEEN, ROWS

    return Look(BETWEEN[k % len(BETWEEN)], ROWS[k % len(ROWS)], line)


def row_entries(names: Sequence[str], line: str = "") -> list[Entry]:
    """Lines of the legend for the rows."""

    return [Entry(name, row_look(k, line)) for k, name in enumerate(names)]


def barriers_along(results: Any) -> Chart:
    """Barriers within each algorithm against the swept setting: a panel for each, a curve for each kind of line."""
    from binland.plots.curves import along, swept_panel
    from binland.plots.error_bars import error_bar_text
    from binland.plots.text import counted, headline

    kinds = [str(kind) for kind in results.data["line"].to_numpy()]
    panels = []
    for label in results.labels:
        values = results.data["line_barrier"].sel(algorithm=label)
        curves = [
            along(results, values.sel(line=kind), 100, row_look(k, "-"), algorithm=label, line=kind)
            for k, kind in enumerate(kinds)
        ]
        text = "barrier: highest train error (%)"
        panels.append(
            replace(swept_panel(results, f"line_barrier_{label}", text, curves, zero=True, title=label), top=None)
        )
    about = f"{counted(results.data.sizes['pair'], 'directed pair')} of each; {error_bar_text(results.data)}."
    facts = headline(results, results.words_of({}), about)
    return Chart(panels, facts, entries=row_entries(kinds, "-"), columns=len(panels), size=SIZE, share_y=True)


def distances(results: Any) -> Panel:
    """Distances of both ends against the swept setting, on the last kind of line in the configuration."""
    from binland.plots.curves import of_algorithms, swept_panel

    last = str(results.data["line"].to_numpy()[-1])
    curves = of_algorithms(results, "line_distance", 1, {"line": last})
    return swept_panel(results, "line_distance", f"geodesic distance ({last})", curves, order=2)


def barriers(results: Any) -> Panel:
    """Barriers against the swept setting, on the last kind of line in the configuration."""
    from binland.plots.curves import of_algorithms, swept_panel

    last = str(results.data["line"].to_numpy()[-1])
    curves = of_algorithms(results, "line_barrier", 100, {"line": last})
    return swept_panel(results, "line_barrier", f"barrier: highest train error (%), {last}", curves, order=3)


LINES = Lines()
