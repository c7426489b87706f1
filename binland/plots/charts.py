"""Every figure that a file of results has data for."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from binland.errors import InvalidInputError, one_line
from binland.plots.chart import Chart, Panel
from binland.plots.overview import overview
from binland.plots.results import Results
from binland.sweep import registry
from binland.sweep.blame import blamed
from binland.sweep.measuring import in_order
from binland.sweep.store.layout import Layout
from binland.sweep.words import ACROSS, TRAINING


def charts_of(results: Results) -> dict[str, Chart]:
    """All charts of a sweep. Keys are endings of file names, such as "_paths_n_inputs_1001"; "" is the overview."""
    measures = measures_of(results)
    with blamed():
        charts = dict(_overviews(results, measures))
        for measure in measures.values():
            charts |= dict(measure.figures(results))
    return charts


def panels_of(results: Results, charts: Mapping[str, Chart]) -> dict[str, tuple[Chart, Panel]]:
    """All named panels, each with its chart; the key of a panel at a point of the grid ends with that point."""
    points = [ending for ending, _ in (*results.named_points(), *results.slices())]
    return {
        f"{panel.name}{_point(ending, points)}": (chart, panel)
        for ending, chart in charts.items()
        for panel in chart.panels
        if panel.name
    }


def _point(ending: str, points: Sequence[str]) -> str:
    """The end of a figure's name that says which point of the grid it shows; "" if none does."""
    return max((point for point in points if ending.endswith(point)), key=len, default="")


def chosen(results: Results, names: Sequence[str]) -> dict[str, Chart]:
    """A chart for each of the named panels, by ending of the file name; InvalidInputError for unknown names."""
    if isinstance(names, str):
        raise InvalidInputError(f"only={names!r}: give a list of names of panels")
    known = panels_of(results, charts_of(results))
    return {f"_{name}": replace(chart, panels=[panel], columns=1) for name, (chart, panel) in _those(known, names)}


def _those(known: dict[str, tuple[Chart, Panel]], names: Sequence[str]) -> Iterator[tuple[str, tuple[Chart, Panel]]]:
    for name in names:
        if name not in known:
            raise InvalidInputError(f"no panel {one_line(repr(name), 80)}: choose some of {', '.join(known)}")
        yield name, known[name]


def _overviews(results: Results, measures: dict[str, Any]) -> Iterator[tuple[str, Chart]]:
    for ending, part in results.slices():
        yield ending, overview(part, measures)


def measures_of(results: Results) -> dict[str, Any]:
    """The measures that a file has numbers of and that can be drawn, by name; warns about those that cannot."""
    names = [name for name in results.layout.kinds if name != TRAINING and not name.startswith(ACROSS)]
    known = registry.measures(names)
    missing = [name for name in names if name not in known]
    if missing:
        warnings.warn(
            f"{results.path}: no figure of {', '.join(missing)}: import the plug-in that measured it (--plugin)",
            stacklevel=3,
        )
    other = [name for name in names if name in known and not _fits(known[name], results.layout)]
    if other:
        warnings.warn(f"{results.path}: no figure of {', '.join(other)}: it holds other numbers of it", stacklevel=3)
    drawn = {*names} - {*other}
    return {name: known[name] for name in in_order(known) if name in drawn or _is_part(known[name], results)}


def _fits(measure: Any, layout: Layout) -> bool:
    """Whether a file has the same variables and dimensions of a measure as this version stores."""
    kind, variables = layout.kinds[measure.name], measure.variables(measure.Settings())
    if (kind.of, kind.repeat, kind.across) != (measure.of, measure.repeat, False):
        return False
    pairs = [(of.inner, kind.variables[name].inner) for name, of in variables.items() if name in kind.variables]
    return len(pairs) == len(variables) and all(_same_dimensions(measure, layout, *pair) for pair in pairs)


def _same_dimensions(measure: Any, layout: Layout, one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether two lists of dimensions agree; one whose labels differ from another measure's is called MEASURE_NAME."""
    named = len(one) == len(two) and all(b in (a, f"{measure.name}_{a}") for a, b in zip(one, two, strict=True))
    return named and all(layout.inner[dim].labelled for dim in two)


def _is_part(measure: Any, results: Results) -> bool:
    """Whether the numbers are there although the measure has no tasks: older files measured right after training."""
    return (
        measure.of == 1 and measure.by_default and measure.name not in results.layout.kinds and _has(measure, results)
    )


def _has(measure: Any, results: Results) -> bool:
    return all(name in results.data for name in measure.variables(measure.Settings()))
