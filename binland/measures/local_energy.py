"""Local energy: how much the train error rises when weights are perturbed, `[measure.local_energy]`.

Verbs: local_energy(solution, train, fractions, realizations, seed, compute) -> (fractions, realizations) array;
independent_local_energy, the same with each weight changed with a probability; expected_local_energy(solution, train,
fractions, independent) -> (fractions,) array, in closed form.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Fraction = Annotated[float, Field(ge=0, le=1)]


class LocalEnergySettings(Section):
    """[measure.local_energy]"""

    fractions: Annotated[list[Fraction], Field(min_length=1), distinct("fraction")] = Field(
        [0.01, 0.02, 0.05, 0.1], description="shares of the weights that are flipped"
    )
    realizations: Positive = Field(10, description="random draws at each fraction")
    flips: Literal["count", "independent"] = Field(
        "count", description="exactly round(fraction * weights) flips, or each weight with this probability"
    )
    method: Literal["sampled", "exact"] = Field(
        "sampled", description="random draws, or the mean over all of them in closed form (perceptron and committee)"
    )

    @property
    def samples(self) -> int:
        """Local energies of a solution at one fraction: the realisations, or their mean."""
        return self.realizations if self.method == "sampled" else 1


class InsetSettings(Section):
    """[figure.local_energy]"""

    inset_fraction: Fraction | None = Field(
        None, description="fraction of flips in the inset of the overview figure; by default the middle one"
    )


class LocalEnergy(Measure[LocalEnergySettings]):
    """Train error after random changes of the weights minus train error."""

    name, of, by_default = "local_energy", 1, True
    Settings = LocalEnergySettings
    FigureSettings = InsetSettings

    def needs(self, settings: LocalEnergySettings) -> tuple[str, ...]:
        """Random draws of the wanted kind, or a closed form."""
        if settings.method == "exact":
            return ("expected_local_energy",)
        return ("local_energy",) if settings.flips == "count" else ("independent_local_energy",)

    def variables(self, settings: LocalEnergySettings) -> dict[str, Variable]:
        """Every sample."""
        meaning = "train error after random sign flips minus train error"
        return {"local_energy": Variable(("fraction", "realization"), "f8", "1", meaning)}

    def coordinates(self, settings: LocalEnergySettings) -> dict[str, Coordinate]:
        """Fractions, and how many realisations."""
        fractions = Coordinate(tuple(settings.fractions), "fraction of the weights that are flipped")
        return {"fraction": fractions, "realization": Coordinate(settings.samples)}

    def streams(
        self, settings: LocalEnergySettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """The flips, if they are drawn."""
        return {} if settings.method == "exact" else {"local_energy": {"purpose": "local_energy"}}

    def key(self, settings: LocalEnergySettings) -> dict[str, Any]:
        """Realisations only where they are drawn."""
        drawn = settings.realizations if settings.method == "sampled" else None
        return settings.model_dump() | {"realizations": drawn}

    def run(self, settings: LocalEnergySettings, case: Case) -> Arrays:
        """Draw or compute."""
        (solution,), family = case.solutions, case.family
        if settings.method == "exact":
            independent = settings.flips == "independent"
            values = family.expected_local_energy(solution, case.train, settings.fractions, independent)
            return {"local_energy": np.asarray(values)[:, None]}
        draw = family.local_energy if settings.flips == "count" else family.independent_local_energy
        seed = case.seeds["local_energy"]
        samples = draw(solution, case.train, settings.fractions, settings.realizations, seed, case.compute)
        return {"local_energy": samples}

    def check_figure(self, settings: LocalEnergySettings, figure: InsetSettings) -> None:
        """The inset is at one of the fractions."""
        fraction = figure.inset_fraction
        if fraction is not None and fraction not in settings.fractions:
            raise ValueError(f"inset_fraction = {fraction} is not one of the fractions {settings.fractions}")

    def limits(self, settings: LocalEnergySettings) -> list[tuple[float, str, str]]:
        """Samples of one solution."""
        return [(len(settings.fractions) * settings.realizations, "local energies", "measure.local_energy")]

    def panels(self, results: Any) -> list[Any]:
        """Against the fraction at the middle point of the grid, with an inset along the axis."""
        return [(0, draw_with_inset)]


def draw_local_energies(axes: "Axes", results: Any, point: dict[str, Any]) -> None:
    """Local energies against the fraction of flips at one point of the grid, a curve for every algorithm."""
    from binland.plots.overlay import lay_over
    from binland.plots.style import errorbar, mean_and_error, style

    data = results.data.sel(point)
    x = 100 * data["fraction"].to_numpy()
    order = np.argsort(x)
    for algorithm in results.labels:
        mean, error = mean_and_error(data["local_energy"].sel(algorithm=algorithm), "fraction")
        curve = (x[order], 100 * mean[order], 100 * error[order])
        errorbar(axes, *curve, label=algorithm, **style(results, algorithm))
    axes.set_xlabel(results.layout.words["perturbation"])
    axes.set_ylabel(f"local energy (train error, %){results.at(point)}")
    lay_over(axes, results, "local_energy", point, legend="lower right")


INSET = (0.13, 0.57, 0.4, 0.35)  # left, bottom, width and height, in units of its panel


def draw_with_inset(axes: "Axes", results: Any) -> None:
    """Local energies at the middle point, and in an inset at one fraction along the axis."""
    from binland.plots.curves import draw_curves

    points = results.points()
    draw_local_energies(axes, results, points[len(points) // 2])
    if len(points) < 2:
        return
    _make_room(axes)
    inset = axes.inset_axes(INSET)
    fraction = _inset_fraction(results)
    every = max(1, (len(points) - 1) // 2)
    draw_curves(inset, results, "local_energy", "", 100, {"fraction": fraction}, size=6, every=every, top=False)
    inset.tick_params(labelsize=6)
    inset.set_title(f"at {100 * fraction:g} % flips", fontsize=7)


def _inset_fraction(results: Any) -> float:
    """The chosen one, or the middle one."""
    fractions = [float(value) for value in results.data["fraction"].values]
    chosen = results.figure.get("local_energy", {}).get("inset_fraction")
    return chosen if chosen in fractions else sorted(fractions)[len(fractions) // 2]


def _make_room(axes: "Axes") -> None:
    """A panel so high that no curve runs through its inset."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    edge = left + (INSET[0] + INSET[2] + 0.03) * (right - left)
    highest = low
    for line in axes.lines:
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        if np.isfinite(y).all():
            highest = max(highest, *np.interp([*x[x < edge], edge], x, y))
    axes.set_ylim(low, max(high, low + (highest - low) / (INSET[1] - 0.1)))  # 0.1: for the labels below the inset


LOCAL_ENERGY = LocalEnergy()
