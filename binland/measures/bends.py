"""Paths of continuous networks with one bend: the middle of a line is trained again, and two lines lead to it,
`[measure.bends]` (paper, section 4.2, Figs. 3, 5, 10 and 17).

Verbs: those of `lines`, and bend(start, end, train, algorithm, seed, compute, kind, points, reestimate) -> a bent path
with .first and .second (lines), .midpoint and .barrier.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from binland.measures.bend import with_algorithm
from binland.measures.lines import (
    AlignedSettings,
    Pairs,
    alignment_streams,
    band,
    ends_of,
    looks_of,
    of_pairs,
    pairs_of,
    row_entries,
    rows_panel,
)
from binland.plots.chart import Axis, Chart, Curve, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Text
from binland.sweep.contracts.variable import Coordinate, Variable

LEGS = ("first", "second")


class BendSettings(AlignedSettings):
    """[measure.bends]"""

    points: int = Field(13, ge=2, le=10_000, description="points of each of the two lines, ends included")
    midpoint_algorithm: Text | None = Field(
        None, description="label of the algorithm that trains the midpoints; by default the first of kind SGD"
    )


class Bends(Measure[BendSettings]):
    """Lines through an optimised midpoint."""

    name, of = "bends", 2
    Settings = BendSettings

    def needs(self, settings: BendSettings) -> tuple[str, ...]:
        """Verbs of `lines`, and the training of a midpoint."""
        return ("line", "normalized", "aligned", "distance", "bend")

    def completed(self, settings: BendSettings, described: Described) -> BendSettings:
        """Settings with the algorithm by its label, so that the order of the algorithms in the file does not matter."""
        return with_algorithm(settings, "midpoint_algorithm", described)

    def test_patterns(self) -> bool:
        """True: the midpoint's test error is measured."""
        return True

    def variables(self, settings: BendSettings) -> dict[str, Variable]:
        """Stored per line: curves and barriers of both legs, errors and distances of the midpoint."""
        leg = ("bend_line", "leg")
        return {
            "bends_error": Variable((*leg, "leg_position"), "f8", "1", "train error along a leg"),
            "bends_distance": Variable(leg, "f8", "1", "geodesic distance of a leg's ends, normalised"),
            "bends_barrier": Variable(("bend_line",), "f8", "1", "highest train error on both legs"),
            "bends_midpoint_error": Variable(("bend_line",), "f8", "1", "train error of the optimised midpoint"),
            "bends_midpoint_test_error": Variable(("bend_line",), "f8", "1", "test error of the optimised midpoint"),
        }

    def coordinates(self, settings: BendSettings) -> dict[str, Coordinate]:
        """Lines, legs, and places along them."""
        return {
            "bend_line": Coordinate(tuple(map(str, settings.lines)), "kind of line"),
            "leg": Coordinate(LEGS),
            "leg_position": Coordinate(tuple(np.linspace(0, 1, settings.points).tolist()), "place on the leg"),
        }

    def streams(self, settings: BendSettings, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """Random streams of the alignments and of each midpoint's training."""
        trained = {"midpoint_algorithm": described[settings.midpoint_algorithm or ""]}
        middles = {f"midpoint {line}": {"purpose": "midpoint", "line": str(line), **trained} for line in settings.lines}
        return alignment_streams(settings) | middles

    def limits(self, settings: BendSettings) -> list[tuple[float, str, str]]:
        """Number of points of all lines."""
        return [(2 * settings.points * len(settings.lines), "points on lines", "measure.bends")]

    def trainings(self, settings: BendSettings, states: Sequence[str]) -> dict[str, int]:
        """One training per line."""
        return {settings.midpoint_algorithm or "": len(settings.lines)}

    def run(self, settings: BendSettings, case: Case) -> Arrays:
        """Train the midpoint of every line and follow both legs."""
        family, algorithm = case.family, case.algorithms[settings.midpoint_algorithm or ""]
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        options = {"points": settings.points, "reestimate": settings.reestimate}
        for line in settings.lines:
            start, end = ends_of(settings, case, line)
            seed = case.seeds[f"midpoint {line}"]
            bent = family.bend(start, end, case.train, algorithm, seed, case.compute, kind=line.kind, **options)
            columns["bends_error"].append([leg.errors for leg in (bent.first, bent.second)])
            columns["bends_distance"].append([family.distance(one, bent.midpoint) for one in (start, end)])
            columns["bends_barrier"].append(bent.barrier)
            columns["bends_midpoint_error"].append(bent.midpoint.error(case.train))
            columns["bends_midpoint_test_error"].append(bent.midpoint.error(case.test))
        return {name: np.array(values) for name, values in columns.items()}

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Errors along bent paths, and distances of the midpoint, for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("bends", results.data.sel(point)):
                yield f"_bends{ending}", along_bends(results, point)
                yield f"_midpoints{ending}", midpoints(results, point)


def along_bends(results: Any, point: dict[str, Any]) -> Chart:
    """Errors along bent paths: a panel for each kind of line, a curve for every two algorithms (Fig. 3)."""

    data = results.data.sel(point)
    panels = []
    for kind in map(str, data["bend_line"].to_numpy()):
        curves = [one for pairs in pairs_of(results, data, "bends") for one in _legs(results, pairs, kind)]
        x = Axis("place on the path, optimised midpoint at 0.5")
        y = Axis("train error (%) on paths with one bend", zero=True)
        panels.append(Panel(f"bends_{kind}", x, y, curves, title=kind))
    return of_pairs(panels, results, point, "bends")


def _legs(results: Any, pairs: Pairs, kind: str) -> Iterator[Curve]:
    """A curve for each of both legs; each takes one half of the x axis."""
    for k, leg in enumerate(LEGS):
        values = pairs.values("bends_error").sel(bend_line=kind, leg=leg)
        halves = values.assign_coords(leg_position=(k + values["leg_position"]) / 2)
        labels = {**pairs.ends, "line": kind, "leg": leg}
        yield band(halves, "leg_position", looks_of(results)[pairs.label], **labels)


def midpoints(results: Any, point: dict[str, Any]) -> Chart:
    """Distances of the midpoint from both ends, for every two algorithms, on the last kind of line (Fig. 5)."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.text import counted, headline

    data = results.data.sel(point)
    last = str(data["bend_line"].to_numpy()[-1])
    pairs = list(pairs_of(results, data, "bends"))
    names = "to the first", "to the second"
    rows = {
        name: [one.values("bends_distance").sel(bend_line=last, leg=leg) for one in pairs]
        for name, leg in zip(names, LEGS, strict=True)
    }
    panel = rows_panel("bends_distance", "geodesic distance from the optimised midpoint", rows, pairs, 1)
    about = f"{last}; {counted(data.sizes['solution'], 'solution')} of each; {error_bar_text(data)}."
    facts = headline(results, results.words_of(point), about)
    return Chart([panel], facts, entries=row_entries(names), columns=1, size=(6.4, 3.7))


BENDS = Bends()
