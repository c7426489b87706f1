"""Sharpness of continuous networks by several definitions, beside the test error, `[measure.sharpness]`.

Verb: sharpness(solution, train, seeds, options, compute) -> {definition: (value, standard error or nan)} for each
definition in seeds; options: all settings except definitions.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
from pydantic import Field

from binland.plots.chart import Chart, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

Definition = Literal["sam", "asam", "keskar", "hessian-largest", "hessian-trace", "fisher-rao", "volume", "weight-norm"]
Size = Annotated[float, Field(gt=0, le=1e6)]
FEW = 2  # draws and directions of estimates of the time
LABELS = {
    "sam": "SAM (nat; larger: sharper)",
    "asam": "adaptive SAM (nat; larger: sharper)",
    "keskar": "Keskar's sharpness (%; larger: sharper)",
    "hessian-largest": "largest eigenvalue of the Hessian (larger: sharper)",
    "hessian-trace": "trace of the Hessian (larger: sharper)",
    "fisher-rao": "squared Fisher-Rao norm (larger: sharper)",
    "volume": "log-volume of the basin per parameter (larger: flatter)",
    "weight-norm": "norm of the weights",
}


class SharpnessSettings(Section):
    """[measure.sharpness]"""

    definitions: Annotated[list[Definition], Field(min_length=1), distinct("definition")] = Field(
        list(get_args(Definition)),
        description="rise of the train loss at the worst place in a ball (sam), in an adaptive one (asam) or in a box"
        " (keskar); largest eigenvalue and trace of the Hessian; squared Fisher-Rao norm; logarithm of the typical"
        " volume of the basin, which is larger where it is flatter; norm of all parameters",
    )
    rho: Size = Field(0.05, description="of sam: radius of the ball")
    adaptive_rho: Size = Field(0.5, description="of asam: radius in units of the weights")
    epsilon: Size = Field(1e-3, description="of keskar: half side of the box, in units of |weight| + 1")
    iterations: Positive = Field(10, description="of keskar: iterations of L-BFGS-B")
    tolerance: Annotated[float, Field(ge=1e-9, le=0.1)] = Field(
        1e-4, description="of hessian-largest: relative accuracy"
    )
    draws: int = Field(30, ge=2, le=1_000_000, description="of hessian-trace: random vectors")
    rise: Size = Field(0.1, description="of volume: the basin ends where the loss has risen by so much, in nat")
    directions: int = Field(32, ge=2, le=1_000_000, description="of volume: random directions")

    @property
    def options(self) -> dict[str, Any]:
        """Settings of the definitions."""
        return self.model_dump(exclude={"definitions"})

    @property
    def passes(self) -> float:
        """Passes forward over the data, about, to which the time is proportional."""
        some = {
            "keskar": 4 * self.iterations,
            "hessian-largest": 40,
            "hessian-trace": 2 * self.draws,
            "volume": 23 * self.directions,
        }
        return 1.0 + sum(some.get(one, 3) for one in self.definitions)


class Sharpness(Measure[SharpnessSettings]):
    """How sharp the train loss is at a solution, by several definitions."""

    name, of = "sharpness", 1
    Settings = SharpnessSettings

    def needs(self, settings: SharpnessSettings) -> tuple[str, ...]:
        """Verb: sharpness."""
        return ("sharpness",)

    def variables(self, settings: SharpnessSettings) -> dict[str, Variable]:
        """Stored: a number for each definition, and its standard error."""
        inner = ("definition",)
        return {
            "sharpness": Variable(inner, "f8", "1", "sharpness in nat, of keskar in percent; of volume ln(volume)"),
            "sharpness_error": Variable(inner, "f8", "1", "its standard error; NaN where nothing is drawn"),
        }

    def coordinates(self, settings: SharpnessSettings) -> dict[str, Coordinate]:
        """The definitions, and which way they point."""
        meaning = "definition: larger is sharper, of volume flatter, of weight-norm neither"
        return {"definition": Coordinate(tuple(settings.definitions), meaning)}

    def streams(
        self, settings: SharpnessSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """A random stream for each definition, so that one more changes none of the others."""
        return {one: {"purpose": "sharpness", "definition": one} for one in settings.definitions}

    def run(self, settings: SharpnessSettings, case: Case) -> Arrays:
        """Measure by every definition."""
        (solution,) = case.solutions
        seeds = {one: case.seeds[one] for one in settings.definitions}
        found = case.family.sharpness(solution, case.train, seeds, settings.options, case.compute)
        values, errors = np.array([found[one] for one in settings.definitions]).T
        return {"sharpness": values, "sharpness_error": errors}

    def quick(self, settings: SharpnessSettings) -> tuple[SharpnessSettings, float]:
        """Few draws and directions."""
        few = settings.model_copy(update={"draws": FEW, "directions": FEW})
        return few, settings.passes / few.passes

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Every definition beside the test error, and against the swept setting."""
        from binland.plots.ranks import comparable

        for ending, part in comparable(results):
            if results.any_done(self.name, part.data) and "test_error" in part.data:
                yield f"_sharpness{ending}", beside_test_errors(part)
        for ending, part in results.slices():
            if results.any_done(self.name, part.data) and any(len(axis.values) > 1 for axis in part.axes):
                yield f"_sharpness_swept{ending}", against_swept(part)


class Quantity(NamedTuple):
    """A quantity of solutions: the name of its panel, the label of its axis, and its values."""

    name: str
    label: str
    values: "xr.DataArray"


def quantities(results: Any) -> Iterator[Quantity]:
    """Every definition and, if it was measured, the local energy at the largest amplitude."""
    data, values = results.data, results.data["sharpness"]
    along = values.dims[-1]  # not "definition" if another measure has other definitions
    for one in map(str, values[along].to_numpy()):
        these = values.sel({along: one})
        yield Quantity(f"sharpness_{one}", LABELS[one], these / data["n_weights"] if one == "volume" else these)
    if "noise_energy" in data:
        at = data["noise_energy"].sortby("sigma").isel(sigma=-1)
        label = f"local energy (%, amplitude {float(at['sigma']):g}; larger: sharper)"
        yield Quantity("sharpness_local_energy", label, 100 * at.mean("draw"))


def beside_test_errors(results: Any) -> Chart:
    """Test errors of all solutions against each definition, with rank correlations."""
    from binland.plots.ranks import INTERVALS, against_test_error

    panels = [
        against_test_error(results, f"{one.name}_test_error", one.label, one.values) for one in quantities(results)
    ]
    sizes = ", larger where the swept value is" if len(results.points()) > 1 else ""
    return _chart(results, panels, f"Crosses: single solutions{sizes};", INTERVALS)


def against_swept(results: Any) -> Chart:
    """Each definition, train and test error against the swept setting, a curve for each algorithm."""
    shown = list(quantities(results))
    for which in ("train", "test"):
        if f"{which}_error" in results.data:
            values = 100 * results.data[f"{which}_error"]
            shown.append(Quantity(f"sharpness_{which}", f"{which} error (%)", values))
    return _chart(results, [_swept(results, one) for one in shown])


def _swept(results: Any, one: Quantity) -> Panel:
    """A quantity against the swept setting."""
    from binland.plots.curves import along, swept_panel
    from binland.plots.ranks import on_wide_axis
    from binland.plots.style import style

    curves = [
        along(results, one.values.sel(algorithm=label), 1, style(results, label), algorithm=label)
        for label in results.labels
    ]
    return on_wide_axis(swept_panel(results, one.name, one.label, curves))


def _chart(results: Any, panels: list[Panel], *facts: str) -> Chart:
    """A chart with the number of solutions and the meaning of error bars."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import counted, headline

    data = results.data
    counts = f"{counted(data.sizes['solution'], 'solution')} of each algorithm at each point;"
    about = headline(results, results.words_of({}), counts, *facts, f"{error_bar_text(data)}.")
    entries = algorithm_entries(results, with_states=False)
    return Chart(panels, about, entries=entries, columns=3, size=(4.2, 3.7))


SHARPNESS = Sharpness()
