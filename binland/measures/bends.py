"""Paths of continuous networks with one bend: the middle of a line is trained again, and two lines lead to it,
`[measure.bends]` (paper, section 4.2, Figs. 3, 5, 10 and 17).

Verbs: those of `lines`, and bend(start, end, train, algorithm, seed, compute, kind, points, reestimate) -> a bent path
with .first and .second (lines), .midpoint and .barrier.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from binland.measures.bend import with_algorithm
from binland.measures.lines import (
    HEIGHT,
    PANEL,
    AlignedSettings,
    alignment_streams,
    colours_of,
    draw_curve,
    draw_row,
    ends_of,
    framed_pairs,
    pairs_of,
    row_entries,
)
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Text
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        """What lines need, and the training of a midpoint."""
        return ("line", "normalized", "aligned", "distance", "bend")

    def completed(self, settings: BendSettings, described: Described) -> BendSettings:
        """The algorithm by name: another SGD in front of it is another sweep."""
        return with_algorithm(settings, "midpoint_algorithm", described)

    def test_patterns(self) -> bool:
        """At the midpoint."""
        return True

    def variables(self, settings: BendSettings) -> dict[str, Variable]:
        """Per line: both legs, and what the midpoint is like."""
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
        """The alignments, and the training of each midpoint."""
        trained = {"midpoint_algorithm": described[settings.midpoint_algorithm or ""]}
        middles = {f"midpoint {line}": {"purpose": "midpoint", "line": str(line), **trained} for line in settings.lines}
        return alignment_streams(settings) | middles

    def limits(self, settings: BendSettings) -> list[tuple[float, str, str]]:
        """Points of all lines."""
        return [(2 * settings.points * len(settings.lines), "points on lines", "measure.bends")]

    def trainings(self, settings: BendSettings, states: Sequence[str]) -> dict[str, int]:
        """A midpoint of every line."""
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

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Errors along bent paths, and distances of the midpoint, at every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("bends", results.data.sel(point)):
                yield f"_bends{ending}", draw_bends(results, point)
                yield f"_midpoints{ending}", draw_midpoints(results, point)


def draw_bends(results: Any, point: dict[str, Any]) -> "Figure":
    """A panel for each kind of lines, a curve for each two algorithms (Fig. 3)."""
    from matplotlib.figure import Figure

    data = results.data.sel(point)
    kinds = [str(kind) for kind in data["bend_line"].to_numpy()]
    figure = Figure((PANEL * len(kinds) + 0.6, HEIGHT), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(kinds), sharey=True))
    looks = colours_of(results)
    for panel, kind in zip(panels, kinds, strict=True):
        for pairs in pairs_of(results, data, "bends"):
            look = looks[pairs.label]
            for k, leg in enumerate(LEGS):
                values = pairs.values("bends_error").sel(bend_line=kind, leg=leg)
                halves = values.assign_coords(leg_position=(k + values["leg_position"]) / 2)
                draw_curve(panel, halves, "leg_position", look)
        panel.set_title(kind, fontsize=9)
        panel.set_xlabel("place on the path, optimised midpoint at 0.5", fontsize=8)
    panels[0].set_ylabel("train error (%) on paths with one bend")
    panels[0].set_ylim(bottom=0)
    return framed_pairs(figure, results, point, data, "bends", "bands")


def draw_midpoints(results: Any, point: dict[str, Any]) -> "Figure":
    """Distances of the optimised midpoint to its two ends, of each two algorithms, on the last lines (Fig. 5)."""
    from matplotlib.figure import Figure

    from binland.plots.legend import framed
    from binland.plots.style import error_bar_text, headline

    data = results.data.sel(point)
    last = str(data["bend_line"].to_numpy()[-1])
    figure = Figure((6.4, HEIGHT), layout="constrained")
    axes = figure.subplots()
    shown = list(pairs_of(results, data, "bends"))
    for k, leg in enumerate(LEGS):
        draw_row(axes, [pairs.values("bends_distance").sel(bend_line=last, leg=leg) for pairs in shown], 1, k, 2)
    axes.set_xticks(range(len(shown)), [pairs.label for pairs in shown], fontsize=7)
    axes.set_ylabel("geodesic distance from the optimised midpoint")
    about = f"{last}; {data.sizes['solution']} solutions of each; {error_bar_text(data)}."
    title = headline(results, results.words_of(point), about, inches=6.4, size=8)
    return framed(figure, title, row_entries(["to the first", "to the second"]), size=8)


BENDS = Bends()
