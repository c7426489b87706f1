"""Curved paths between two deep networks beside straight ones, `[measure.curves]`: elastic bands (Draxler et al. 2018),
Bezier curves and polygons (Garipov et al. 2018), and one bend by Adam (Lin, Li and Wu 2024).

Verbs: normalized and aligned as in `lines`; landscape(model, train, test, compute, geometry) -> a landscape;
connected(landscape, start, end, path, seed, settings) -> a path with .errors, .losses, .test_errors, .test_losses at
evenly spaced places, and .barrier, .highest_loss, .test_barrier, .ainsworth, .length, .detour, .gradients and
.evaluations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from binland.measures.lines import (
    SIZE,
    LineOf,
    Pairs,
    Shape,
    ShapeSettings,
    alignment_streams,
    band,
    ends_of,
    pairs_of,
    rows_panel,
)
from binland.measures.ways import MOST, entries_of, kinds_of
from binland.plots.chart import Axis, Chart, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

Path = Literal["line", "autoneb", "bezier", "polygon", "star"]
SINGLE = {  # a number for each kind of path: its unit and meaning
    "barrier": ("1", "highest train error on the path"),
    "test_barrier": ("1", "highest test error on the path"),
    "highest_loss": ("nat", "highest train loss on the path"),
    "ainsworth": ("nat", "highest train loss minus the mean of the ends'"),
    "length": ("1", "length of the path, Euclidean or geodesic"),
    "detour": ("1", "length of the path over that of the shortest line between its ends"),
    "gradients": ("1", "gradients that were computed, each of one network on one mini-batch"),
    "evaluations": ("1", "networks that were evaluated on all train or test data"),
}
ALONG = {
    "error": ("1", "train error along the path"),
    "loss": ("nat", "train loss along the path"),
    "test_error": ("1", "test error along the path"),
    "test_loss": ("nat", "test loss along the path"),
}
QUICK = 20  # times less work for an estimate of the time


class Way(NamedTuple):
    """A kind of path between ends that are prepared in some way."""

    path: Path
    ends: LineOf

    def __str__(self) -> str:
        return f"{self.path}, {self.ends}"


class CurveSettings(ShapeSettings):
    """[measure.curves]"""

    shapes: Annotated[list[Shape], Field(min_length=1), distinct("shape")] = Field(
        ["linear", "linear-aligned"],
        description="how the ends are prepared: as they are, aligned, or normalised and aligned, with paths on the"
        " product of spheres",
    )
    paths: Annotated[list[Path], Field(min_length=1), distinct("path")] = Field(
        ["line", "bezier", "autoneb"],
        description="the shortest line, a nudged elastic band, a trained Bezier curve or polygon, one bend by Adam",
    )
    points: int = Field(61, ge=2, le=10_000, description="evenly spaced places of a path, ends included")
    bends: int = Field(1, ge=1, le=1000, description="trained points of a Bezier curve or polygon")
    curve_epochs: Positive = Field(600, description="epochs of a Bezier curve or polygon")
    curve_learning_rate: float = Field(0.015, gt=0, le=1e6, description="of a Bezier curve or polygon")
    curve_batch_size: Positive = Field(128, description="of a Bezier curve, a polygon or a star")
    star_epochs: Positive = Field(200, description="epochs of the one bend")
    star_learning_rate: float = Field(0.01, gt=0, le=1e6, description="of Adam, which moves the one bend")
    autoneb_steps: float = Field(1.0, gt=0, le=100, description="steps of the elastic band, times the published ones")
    autoneb_batch_size: Positive = Field(512, description="of the elastic band")
    weight_decay: float = Field(
        1e-4, ge=0, le=1e6, description="of all points of paths that are trained, except the star's"
    )

    @property
    def ways(self) -> list[Way]:
        """Every kind of path between every kind of ends."""
        return [Way(path, ends) for ends in self.lines for path in self.paths]


class Curves(Measure[CurveSettings]):
    """Paths between two solutions, straight and curved."""

    name, of, latents = "curves", 2, "needed"  # of binary networks, which move in their latents
    Settings = CurveSettings

    def needs(self, settings: CurveSettings) -> tuple[str, ...]:
        """Verbs: landscapes and paths in them, and what prepares the ends."""
        aligned = ("aligned",) if any(line.method for line in settings.lines) else ()
        normalized = ("normalized",) if any(line.kind == "geodesic" for line in settings.lines) else ()
        return ("landscape", "connected", *aligned, *normalized)

    def test_patterns(self) -> bool:
        """True: test errors are measured along the paths."""
        return True

    def variables(self, settings: CurveSettings) -> dict[str, Variable]:
        """Stored for every kind of path: curves of errors and losses, barriers, lengths, and the work."""
        along = {f"curve_{n}": Variable(("curve", "curve_position"), "f8", *about) for n, about in ALONG.items()}
        return along | {f"curve_{name}": Variable(("curve",), "f8", *about) for name, about in SINGLE.items()}

    def coordinates(self, settings: CurveSettings) -> dict[str, Coordinate]:
        """Kinds of paths, and places along them."""
        places = tuple(np.linspace(0, 1, settings.points).tolist())
        return {
            "curve": Coordinate(tuple(map(str, settings.ways)), "kind of path, and how its ends are prepared"),
            "curve_position": Coordinate(places, "place on the path, from 0 to 1"),
        }

    def streams(
        self, settings: CurveSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random streams of the alignments, and of every path that is trained."""
        trained = {str(way): {"purpose": "curve", "path": way.path, "ends": str(way.ends)} for way in settings.ways}
        return alignment_streams(settings) | trained

    def limits(self, settings: CurveSettings) -> list[tuple[float, str, str]]:
        """Number of points of all paths."""
        return [(settings.points * len(settings.ways), "points on paths", "measure.curves")]

    def quick(self, settings: CurveSettings) -> tuple[CurveSettings, float]:
        """A fraction of the epochs and steps."""
        factor = max(1, min(QUICK, settings.curve_epochs, settings.star_epochs))
        less = {"autoneb_steps": settings.autoneb_steps / factor}
        less |= {name: getattr(settings, name) // factor for name in ("curve_epochs", "star_epochs")}
        return settings.model_copy(update=less), float(factor)

    def run(self, settings: CurveSettings, case: Case) -> Arrays:
        """Find and measure every kind of path."""
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        for ends in settings.lines:
            start, end = ends_of(settings, case, ends)
            geometry = "toroid" if ends.kind == "geodesic" else "flat"
            landscape = case.family.landscape(case.model, case.train, case.test, case.compute, geometry)
            for path in settings.paths:
                seed = case.seeds[str(Way(path, ends))]
                found = case.family.connected(landscape, start, end, path, seed, settings)
                for name in SINGLE:
                    columns[f"curve_{name}"].append(getattr(found, name))
                columns["curve_error"].append(found.errors)
                columns["curve_loss"].append(found.losses)
                columns["curve_test_error"].append(found.test_errors)
                columns["curve_test_loss"].append(found.test_losses)
        return {name: np.array(values, np.float64) for name, values in columns.items()}

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Errors along paths, and barriers, for every point of the grid; barriers against the swept setting."""
        for ending, point in results.named_points():
            if results.any_done("curves", results.data.sel(point)):
                yield f"_curves{ending}", along_curves(results, point, "curve_error", "train error (%)")
                yield f"_curves_test{ending}", along_curves(results, point, "curve_test_error", "test error (%)")
                yield f"_curve_barriers{ending}", heights(results, point)
        for ending, part in results.slices():
            if part.axes:
                for name, label in (("barrier", "train"), ("test_barrier", "test")):
                    text = f"barrier: highest {label} error (%)"
                    yield f"_curve_{name}s_swept{ending}", against_swept(part, f"curve_{name}", text)


# Figures

PERCENT = [(float(value), f"{value:g}") for value in (0, 0.5, 1, 2, 5, 10, 20, 50, 100)]
MUCH = 10  # times the smallest value
COLUMNS = 3  # panels in a row, at most
WIDE = (5.2, 4.6)  # width and height in inches of a panel that has all kinds of paths


def readable(panels: Sequence[Panel]) -> list[Panel]:
    """The panels, where values differ much with an axis on which half a percent and fifty can both be read."""
    means = np.concatenate([curve.y for panel in panels for curve in panel.curves])
    if np.nanmax(means, initial=0) <= MUCH * np.nanmin(means, initial=np.inf):
        return list(panels)
    return [replace(panel, y=replace(panel.y, ticks=PERCENT, linear=0.5, low=-0.2)) for panel in panels]


def along_curves(results: Any, point: dict[str, Any], name: str, label: str) -> Chart:
    """Errors along paths: a panel for every two algorithms and each preparation of the ends, a curve for each path."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.text import counted, headline

    data, ends = results.data.sel(point), list(dict.fromkeys(kind.ends for kind in kinds_of(results)))
    panels = [_along(results, pairs, one, name, label) for pairs in pairs_of(results, data, "curves") for one in ends]
    about = f"{counted(data.sizes['solution'], 'solution')} of each; {error_bar_text(data, 'bands')}."
    facts = headline(results, results.words_of(point), about)
    columns = len(ends) if 1 < len(ends) <= COLUMNS else min(COLUMNS, len(panels))
    return Chart(readable(panels), facts, entries=entries_of(results), columns=columns, size=SIZE, share_y=True)


def _along(results: Any, pairs: Pairs, ends: str, name: str, label: str) -> Panel:
    """Errors along the paths between ends that are prepared in one way."""
    curves = []
    for kind in kinds_of(results):
        if kind.ends == ends:
            values = pairs.values(name).sel(curve=kind.label)
            one = band(values, "curve_position", kind.look, **pairs.ends, path=kind.label)
            curves.append(replace(one, name=kind.name))
    axes, title = (Axis("place on the path"), Axis(label, zero=True)), f"{pairs.label}, {ends}"
    return Panel(slug(f"{name}_{title}"), *axes, curves, title=title)


def slug(text: str) -> str:
    """A title as part of the name of a panel, which may be one of a file."""
    return "_".join(text.replace(",", "").replace("(", "").replace(")", "").split())


def heights(results: Any, point: dict[str, Any]) -> Chart:
    """Highest train and test errors of every two algorithms, a marker for each kind of path."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.text import counted, headline

    data = results.data.sel(point)
    pairs = list(pairs_of(results, data, "curves"))
    panels = [_heights(results, pairs, "barrier", "train"), _heights(results, pairs, "test_barrier", "test")]
    about = f"{counted(data.sizes['solution'], 'solution')} of each; {error_bar_text(data)}."
    facts = headline(results, results.words_of(point), about)
    return Chart(readable(panels), facts, entries=entries_of(results, line=""), size=(4.8, 3.7))


def _heights(results: Any, pairs: Sequence[Pairs], name: str, label: str) -> Panel:
    """Barriers on train or test data, kinds of paths beside each other in the order of the legend."""
    kinds = kinds_of(results)
    rows = {kind.label: [one.values(f"curve_{name}").sel(curve=kind.label) for one in pairs] for kind in kinds}
    panel = rows_panel(f"curve_{name}", "", rows, pairs, 100)
    curves = [
        replace(one, look=replace(kind.look, line=""), name=kind.name)
        for one, kind in zip(panel.curves, kinds, strict=True)
    ]
    return replace(panel, marks=curves, y=Axis(f"barrier: highest {label} error (%)", zero=True))


def against_swept(results: Any, name: str, text: str) -> Chart:
    """Barriers within each algorithm against the swept setting: a panel for each, a curve for each kind of path.

    Many kinds of paths have a panel for each preparation of the ends.
    """
    from binland.plots.error_bars import error_bar_text
    from binland.plots.text import counted, headline

    kinds = kinds_of(results)
    ends = [""] if len(kinds) <= MOST else list(dict.fromkeys(kind.ends for kind in kinds))
    panels = [_swept(results, name, text, label, one) for label in results.labels for one in ends]
    about = f"{counted(results.data.sizes['pair'], 'directed pair')} of each; {error_bar_text(results.data)}."
    facts = headline(results, results.words_of({}), about)
    columns = min(COLUMNS, len(panels))
    return Chart(readable(panels), facts, entries=entries_of(results), columns=columns, size=WIDE, share_y=True)


def _swept(results: Any, name: str, text: str, algorithm: str, ends: str) -> Panel:
    """Barriers of an algorithm against the swept setting; ends: of paths between such ends, "" for all."""
    from binland.plots.curves import along, swept_panel

    values, curves = results.data[name].sel(algorithm=algorithm), []
    for kind in kinds_of(results):
        if ends in ("", kind.ends):
            labels = {"algorithm": algorithm, "path": kind.label}
            curves.append(
                replace(along(results, values.sel(curve=kind.label), 100, kind.look, **labels), name=kind.name)
            )
    title = ", ".join(filter(None, (algorithm, ends)))
    panel = swept_panel(results, slug(f"{name}_{title}"), text, curves, zero=True, title=title)
    return replace(panel, top=None)


CURVES = Curves()
