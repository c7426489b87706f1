"""Local energy of continuous networks: how much the train error rises when every weight gets multiplicative noise,
`[measure.noise]` (paper, section 4.1, Fig. 1).

Verb: noise_energy(solution, train, sigmas, realizations, seed, compute) -> (sigmas, realizations) arrays of differences
of train errors and of losses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from binland.plots.chart import Axis, Chart, Curve, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

Amplitude = Annotated[float, Field(ge=0, le=1e6)]


class NoiseSettings(Section):
    """[measure.noise]"""

    sigmas: Annotated[list[Amplitude], Field(min_length=1), distinct("sigma")] = Field(
        [0.1, 0.2, 0.3, 0.4, 0.5],
        description="amplitudes of the noise: w + sigma z w, with a standard normal z for each weight",
    )
    realizations: Positive = Field(10, description="draws of z, the same for all sigmas")


class Noise(Measure[NoiseSettings]):
    """Rise of train error and loss when all weights get noise."""

    name, of, by_default = "noise", 1, True
    Settings = NoiseSettings

    def needs(self, settings: NoiseSettings) -> tuple[str, ...]:
        """Verb: energies with noise."""
        return ("noise_energy",)

    def variables(self, settings: NoiseSettings) -> dict[str, Variable]:
        """Stored: every sample."""
        inner = ("sigma", "draw")
        return {
            "noise_energy": Variable(inner, "f8", "1", "train error with noise on the weights minus train error"),
            "noise_loss": Variable(inner, "f8", "nat", "train loss with noise on the weights minus train loss"),
        }

    def coordinates(self, settings: NoiseSettings) -> dict[str, Coordinate]:
        """Amplitudes, and number of draws."""
        sigmas = Coordinate(tuple(settings.sigmas), "amplitude of multiplicative noise on the weights")
        return {"sigma": sigmas, "draw": Coordinate(settings.realizations)}

    def streams(
        self, settings: NoiseSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random stream of the noise."""
        return {"noise": {"purpose": "noise"}}

    def run(self, settings: NoiseSettings, case: Case) -> Arrays:
        """Draw the noise and measure."""
        (solution,) = case.solutions
        errors, losses = case.family.noise_energy(
            solution, case.train, settings.sigmas, settings.realizations, case.seeds["noise"], case.compute
        )
        return {"noise_energy": errors, "noise_loss": losses}

    def limits(self, settings: NoiseSettings) -> list[tuple[float, str, str]]:
        """Number of samples of one solution."""
        return [(len(settings.sigmas) * settings.realizations, "local energies", "measure.noise")]

    def panels(self, results: Any) -> list[Any]:
        """Local energies against the amplitude, at the middle point of the grid."""
        return [at_the_middle(results)]

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Local energies against amplitude and test error (Fig. 1) for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("noise", results.data.sel(point)):
                yield f"_flatness{ending}", flatness(results, point)


def flatness(results: Any, point: dict[str, Any]) -> Chart:
    """Two panels: local energy against the amplitude, and at the largest amplitude against the test error (Fig. 1)."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import counted, headline

    data = results.data.sel(point)
    counts = f"{counted(data.sizes['solution'], 'solution')}, {counted(data.sizes['draw'], 'draw')} of the noise;"
    facts = headline(results, results.words_of(point), counts, f"{error_bar_text(data)}; crosses: single solutions.")
    panels = [energies(results, point), against_test_error(results, point)]
    return Chart(panels, facts, entries=algorithm_entries(results, with_states=False), size=(4.8, 4.1))


def at_the_middle(results: Any) -> Panel:
    """Local energies at the middle point of the grid."""
    points = results.points()
    return energies(results, points[len(points) // 2])


def energies(results: Any, point: dict[str, Any]) -> Panel:
    """Local energies against the amplitude at a point of the grid, a curve for each algorithm."""
    from binland.plots.curves import against

    data = results.data.sel(point).sortby("sigma")
    x, values = data["sigma"].to_numpy(), data["noise_energy"]
    curves = against(results, x, values, "sigma", 100)
    label = f"local energy: increase of the train error (%){results.at(point)}"
    return Panel("noise", Axis("noise amplitude"), Axis(label), curves)


def against_test_error(results: Any, point: dict[str, Any]) -> Panel:
    """Local energy against test error: a cross for each solution, and the mean of each algorithm with error bars."""
    from binland.plots.error_bars import of_one
    from binland.plots.style import style

    data = results.data.sel(point).sortby("sigma").isel(sigma=-1)
    curves = []
    for label in results.labels:
        at, look = data.sel(algorithm=label), replace(style(results, label), line="")
        singles = replace(look, marker="x", alpha=0.5)
        tests, values = at["test_error"], at["noise_energy"]
        each = 100 * np.ravel(tests), 100 * np.ravel(values.mean("draw"))
        curves.append(Curve(*each, look=singles, name=label, labels={"algorithm": label, "what": "single solutions"}))
        (x, dx), (y, dy) = of_one(tests), of_one(values)
        place = {"algorithm": label, "what": "mean"}
        curves.append(Curve(100 * x, 100 * y, 100 * dy, 100 * dx, replace(look, size=1.4), label, place))
    label = f"local energy at amplitude {float(data['sigma']):g} (%)"
    return Panel("noise_test_error", Axis("test error (%)"), Axis(label), curves)


NOISE = Noise()
