"""Local energy of continuous networks: how much the train error rises when every weight gets multiplicative noise,
`[measure.noise]` (paper, section 4.1, Fig. 1).

Verb: noise_energy(solution, train, sigmas, realizations, seed, compute) -> (sigmas, realizations) arrays of differences
of train errors and of losses.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Amplitude = Annotated[float, Field(ge=0, le=1e6)]


class NoiseSettings(Section):
    """[measure.noise]"""

    sigmas: Annotated[list[Amplitude], Field(min_length=1), distinct("sigma")] = Field(
        [0.1, 0.2, 0.3, 0.4, 0.5],
        description="amplitudes of the noise: w + sigma z w, with a standard normal z for each weight",
    )
    realizations: Positive = Field(10, description="draws of z, the same for all sigmas")


class Noise(Measure[NoiseSettings]):
    """Train error and loss with noise on all weights, minus those without."""

    name, of, by_default = "noise", 1, True
    Settings = NoiseSettings

    def needs(self, settings: NoiseSettings) -> tuple[str, ...]:
        """Random draws."""
        return ("noise_energy",)

    def variables(self, settings: NoiseSettings) -> dict[str, Variable]:
        """Every sample."""
        inner = ("sigma", "draw")
        return {
            "noise_energy": Variable(inner, "f8", "1", "train error with noise on the weights minus train error"),
            "noise_loss": Variable(inner, "f8", "nat", "train loss with noise on the weights minus train loss"),
        }

    def coordinates(self, settings: NoiseSettings) -> dict[str, Coordinate]:
        """Amplitudes, and how many draws."""
        sigmas = Coordinate(tuple(settings.sigmas), "amplitude of multiplicative noise on the weights")
        return {"sigma": sigmas, "draw": Coordinate(settings.realizations)}

    def streams(
        self, settings: NoiseSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """The noise."""
        return {"noise": {"purpose": "noise"}}

    def run(self, settings: NoiseSettings, case: Case) -> Arrays:
        """Draw."""
        (solution,) = case.solutions
        errors, losses = case.family.noise_energy(
            solution, case.train, settings.sigmas, settings.realizations, case.seeds["noise"], case.compute
        )
        return {"noise_energy": errors, "noise_loss": losses}

    def limits(self, settings: NoiseSettings) -> list[tuple[float, str, str]]:
        """Samples of one solution."""
        return [(len(settings.sigmas) * settings.realizations, "local energies", "measure.noise")]

    def panels(self, results: Any) -> list[Any]:
        """Against the amplitude, at the middle point of the grid."""
        return [(0, draw_at_the_middle)]

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Fig. 1 at every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("noise", results.data.sel(point)):
                yield f"_flatness{ending}", draw_flatness(results, point)


WIDTH, HEIGHT = 9.6, 4.1  # inches, without headline and legend


def draw_flatness(results: Any, point: dict[str, Any]) -> "Figure":
    """Local energy against the amplitude, and at the largest one against the test error (Fig. 1)."""
    from matplotlib.figure import Figure

    from binland.plots.legend import algorithm_entries, framed
    from binland.plots.style import error_bar_text, headline, short

    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_energies(left, results, point)
    _draw_against_test_error(right, results, point)
    data = results.data.sel(point)
    counts = f"{data.sizes['solution']} solutions, {data.sizes['draw']} draws of the noise;"
    text = f"{error_bar_text(data)}; crosses: single solutions."
    about = headline(results, results.words_of(point), counts, text, inches=WIDTH)
    labels = {label: short(label) for label in results.labels}
    return framed(figure, about, algorithm_entries(results, labels, with_states=False))


def draw_at_the_middle(axes: "Axes", results: Any) -> None:
    """Local energies at the middle point."""
    points = results.points()
    draw_energies(axes, results, points[len(points) // 2])


def draw_energies(axes: "Axes", results: Any, point: dict[str, Any]) -> None:
    """Local energies against the amplitude at one point of the grid, a curve for every algorithm."""
    from binland.plots.style import errorbar, mean_and_error, style

    data = results.data.sel(point).sortby("sigma")
    for algorithm in results.labels:
        mean, error = mean_and_error(data["noise_energy"].sel(algorithm=algorithm), "sigma")
        errorbar(axes, data["sigma"].to_numpy(), 100 * mean, 100 * error, **style(results, algorithm))
    axes.set_xlabel("noise amplitude")
    axes.set_ylabel(f"local energy (train error, %){results.at(point)}")


def _draw_against_test_error(axes: "Axes", results: Any, point: dict[str, Any]) -> None:
    """Every solution as a small cross, the mean of each algorithm with both error bars."""
    from binland.plots.style import mean_and_error, style

    data = results.data.sel(point).sortby("sigma").isel(sigma=[-1])
    for algorithm in results.labels:
        at, look = data.sel(algorithm=algorithm), style(results, algorithm)
        energies, tests = at["noise_energy"].isel(sigma=0).mean("draw"), at["test_error"]
        axes.plot(100 * np.ravel(tests), 100 * np.ravel(energies), "x", color=look["color"], alpha=0.5, markersize=5)
        y, dy = mean_and_error(at["noise_energy"], "sigma")
        x, dx = mean_and_error(tests.expand_dims("sigma"), "sigma")
        axes.errorbar(
            100 * x, 100 * y, 100 * dy, 100 * dx, color=look["color"], marker=look["marker"], markersize=7, capsize=2.5
        )
    axes.set_xlabel("test error (%)")
    axes.set_ylabel(f"local energy at amplitude {float(data['sigma'][0]):g} (%)")


NOISE = Noise()
