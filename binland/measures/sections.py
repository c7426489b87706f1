"""Errors in the plane through a solution, another one, and that one aligned, `[measure.sections]` (paper, section 4.2).

As trained and normalised, with the lines between them (Figs. 4 and 11 to 16). Verbs: those of `lines`; section(three,
train, points, compute, margin, test, reestimate) -> a plane with .errors, .losses, .test_errors, .x, .y, .corners and
.place(solution); interpolated(start, end, points, kind) -> networks on a line.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from binland.measures.lines import Method, Pairs, pairs_of
from binland.plots.chart import Axis, Chart, Contours, Panel, levels_up_to
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

Space = Literal["as trained", "normalized"]
PATHS = ("unaligned", "aligned")
PLACES = 21  # points of the lines and geodesics that are drawn in
FEW_POINTS = 3  # points along a side of the plane that is timed for estimates


class SectionSettings(OfPairs):
    """[measure.sections]"""

    spaces: Annotated[list[Space], Field(min_length=1), distinct("space")] = Field(
        ["as trained", "normalized"], description="networks as they are, and with every unit at norm 1"
    )
    points: int = Field(21, ge=2, le=10_000, description="points along each side of the plane")
    margin: float = Field(
        0.2, ge=0, le=10, description="how far the plane goes beyond the solutions, as a fraction of their extent"
    )
    method: Method = Field("greedy", description="of the alignment, as in [measure.lines]")
    restarts: int = Field(8, ge=1, le=1000, description="starts of the coordinate descent, of which the best is kept")
    test: bool = Field(False, description="whether test errors are computed, too")
    reestimate: bool = Field(True, description="whether batch-norm statistics are estimated anew at every point")


class Sections(Measure[SectionSettings]):
    """Planes through two solutions and the second one aligned to the first."""

    name, of = "sections", 2
    Settings = SectionSettings

    def needs(self, settings: SectionSettings) -> tuple[str, ...]:
        """Verbs: planes, normalisation and alignment, and lines to draw in."""
        return ("section", "interpolated", "normalized", "aligned")

    def test_patterns(self) -> bool:
        """Whether test errors are asked for."""
        return True

    def variables(self, settings: SectionSettings) -> dict[str, Variable]:
        """Stored per space: errors, positions of the solutions, positions of the lines."""
        rows = ("space", "section_row", "section_column")
        found = {
            "section_error": Variable(rows, "f8", "1", "train error in the plane"),
            "section_loss": Variable(rows, "f8", "nat", "train loss in the plane"),
            "section_corner": Variable(("space", "section_corner_of", "component"), "f8", "1", "where solutions lie"),
            "section_path": Variable(
                ("space", "section_line", "section_place", "component"), "f8", "1", "lines, projected onto the plane"
            ),
            "section_x": Variable(("space", "section_column"), "f8", "1", "coordinate of the points of a column"),
            "section_y": Variable(("space", "section_row"), "f8", "1", "coordinate of the points of a row"),
        }
        return found | ({"section_test_error": Variable(rows, "f8", "1", "test error")} if settings.test else {})

    def coordinates(self, settings: SectionSettings) -> dict[str, Coordinate]:
        """Rows and columns of the grid, the three solutions, the lines, and the axes x and y."""
        points = Coordinate(settings.points)
        return {
            "space": Coordinate(tuple(settings.spaces)),
            "section_row": points,
            "section_column": points,
            "section_corner_of": Coordinate(("start", "end", "aligned end")),
            "section_line": Coordinate(PATHS),
            "section_place": Coordinate(tuple(np.linspace(0, 1, PLACES).tolist()), "place on the line"),
            "component": Coordinate(("x", "y")),
        }

    def streams(
        self, settings: SectionSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random streams of the alignments, the same as of `lines`."""
        found = {}
        for space, kind in (("as trained", "linear"), ("normalized", "geodesic")):
            stream = {"purpose": "alignment", "space": kind, "method": settings.method, "restarts": settings.restarts}
            found[space] = stream
        return found

    def limits(self, settings: SectionSettings) -> list[tuple[float, str, str]]:
        """Number of points of a plane."""
        return [(settings.points**2, "points of a plane", "measure.sections.points")]

    def quick(self, settings: SectionSettings) -> tuple[SectionSettings, float]:
        """A few points of the plane."""
        few = min(settings.points, FEW_POINTS)
        return settings.model_copy(update={"points": few}), (settings.points / few) ** 2

    def run(self, settings: SectionSettings, case: Case) -> Arrays:
        """Compute a plane in every space."""
        family = case.family
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        options = {"margin": settings.margin, "reestimate": settings.reestimate}
        for space in settings.spaces:
            start, end = case.solutions
            if space == "normalized":
                start, end = family.normalized(start), family.normalized(end)
            seed = case.seeds[space]
            aligned = family.aligned(end, start, settings.method, case.train, settings.restarts, seed, case.compute)
            test = case.test if settings.test else None
            found = family.section(
                (start, end, aligned), case.train, settings.points, case.compute, test=test, **options
            )
            kind = "linear" if space == "as trained" else "geodesic"
            lines = [family.interpolated(start, to, PLACES, kind) for to in (end, aligned)]
            columns["section_error"].append(found.errors)
            columns["section_loss"].append(found.losses)
            columns["section_corner"].append(found.corners)
            columns["section_path"].append([[found.place(one) for one in line] for line in lines])
            columns["section_x"].append(found.x)
            columns["section_y"].append(found.y)
            if settings.test:
                columns["section_test_error"].append(found.test_errors)
        return {name: np.array(values) for name, values in columns.items()}

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Planes for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("sections", results.data.sel(point)):
                yield f"_sections{ending}", sections(results, point, "section_error", "train error (%)")
                if "section_test_error" in results.data:
                    test = sections(results, point, "section_test_error", "test error (%)")
                    yield f"_sections_test{ending}", test


LEVELS = 16
SIDE = 2.8  # of a panel, in inches
CORNERS = ("A", "B", "B'")
LETTERS = "A: first, B: second, B': second aligned to the first; dashed: lines, projected; one pair of solutions each."


def sections(results: Any, point: dict[str, Any], name: str, label: str) -> Chart:
    """Planes of the first pair of solutions of the first disorder sample (Figs. 4 and 11 to 16).

    There is a column for every two algorithms and a row for each space. name: the variable that is drawn.
    """
    from binland.plots.text import headline

    data = results.data.sel(point).isel(disorder=0)
    pairs = list(pairs_of(results, data, "sections"))
    first = [one.data.isel({"across" if one.prefix else "pair": 0}) for one in pairs]
    highest = max(float(np.nanmax(at[f"{one.prefix}{name}"])) for one, at in zip(pairs, first, strict=True))
    panels = [
        _panel(one, at.sel(space=space), str(space), name)
        for space in data["space"].to_numpy()
        for one, at in zip(pairs, first, strict=True)
    ]
    facts = headline(results, results.words_of(point), LETTERS)
    return Chart(
        panels,
        facts,
        columns=len(pairs),
        size=(SIDE, SIDE),
        grid=True,
        levels=levels_up_to(100 * highest, LEVELS),
        color_label=label,
    )


def _panel(pairs: Pairs, at: "xr.Dataset", space: str, name: str) -> Panel:
    """Filled contours over one plane, with the three solutions and the lines between them."""

    x, y, values, corners = (
        at[f"{pairs.prefix}{what}"].to_numpy() for what in ("section_x", "section_y", name, "section_corner")
    )
    points = [(text, a, b) for text, (a, b) in zip(CORNERS, corners, strict=True)]
    lines = list(at[f"{pairs.prefix}section_path"].to_numpy())
    contours = Contours(x, y, 100 * values, points, lines)
    return Panel("", Axis(), Axis(), [contours], title=f"{pairs.label}, {space}", equal=True)


SECTIONS = Sections()
