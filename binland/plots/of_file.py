"""Every figure of a result file: the overview, and those of its measures."""

import warnings
from pathlib import Path
from typing import Any

from binland.checks import true_or_false
from binland.plots.overview import draw_overview
from binland.plots.results import Results, read
from binland.plots.style import saved
from binland.sweep import registry
from binland.sweep.blame import blamed
from binland.sweep.measuring import in_order
from binland.sweep.store.layout import Layout
from binland.sweep.words import ACROSS, TRAINING


def plot_results(path: str | Path, out: str | Path, theory: bool = False) -> list[Path]:
    """Draw every figure that a result file has data for, as PNG and PDF; returns their paths.

    STEM: the overview. STEM_paths_AXIS_VALUE: errors along the paths between solutions. STEM_plane_AXIS_VALUE: errors
    in the plane through three solutions. STEM_success: how often training succeeds. STEM_across: barriers between two
    algorithms. Measures of plug-ins may have others; they are drawn if the plug-in has been imported, else a warning
    says so. theory: lay curves of theory and closed forms over what was measured, where there are some.
    Raises StoreError if the file is missing, foreign or holds no finished task yet, InvalidInputError if `out`
    cannot be written.
    """
    results = read(path, true_or_false("theory", theory))
    measures = measures_of(results)
    with blamed():
        figures = {ending: draw_overview(part, measures) for ending, part in results.slices()}
        for measure in measures.values():
            figures |= dict(measure.figures(results))
    return [path for ending, figure in figures.items() for path in saved(figure, results, out, ending)]


def measures_of(results: Results) -> dict[str, Any]:
    """The measures whose numbers a file has, by name."""
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
    """Whether a file has of a measure what this version stores of it."""
    kind, variables = layout.kinds[measure.name], measure.variables(measure.Settings())
    if (kind.of, kind.repeat, kind.across) != (measure.of, measure.repeat, False):
        return False
    pairs = [(of.inner, kind.variables[name].inner) for name, of in variables.items() if name in kind.variables]
    return len(pairs) == len(variables) and all(_same_dimensions(measure, layout, *pair) for pair in pairs)


def _same_dimensions(measure: Any, layout: Layout, one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Up to the name that one gets where another measure has other labels."""
    named = len(one) == len(two) and all(b in (a, f"{measure.name}_{a}") for a, b in zip(one, two, strict=True))
    return named and all(layout.inner[dim].labelled for dim in two)


def _is_part(measure: Any, results: Results) -> bool:
    """Whether a file in which trainings were measured at once has its numbers."""
    return (
        measure.of == 1 and measure.by_default and measure.name not in results.layout.kinds and _has(measure, results)
    )


def _has(measure: Any, results: Results) -> bool:
    return all(name in results.data for name in measure.variables(measure.Settings()))
