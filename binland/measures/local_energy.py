"""Local energy: how much the train error rises when weights are perturbed, `[measure.local_energy]`.

Verbs: local_energy(solution, train, fractions, realizations, seed, compute) -> (fractions, realizations) array;
independent_local_energy, the same with each weight changed with a probability; expected_local_energy(solution, train,
fractions, independent) -> (fractions,) array, in closed form.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from binland.plots.chart import Axis, Inset, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

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
        """Number of stored local energies per fraction: the realisations, or 1 for the closed form."""
        return self.realizations if self.method == "sampled" else 1


class InsetSettings(Section):
    """[figure.local_energy]"""

    inset_fraction: Fraction | None = Field(
        None, description="fraction of flips in the inset of the overview figure; by default the middle one"
    )


class LocalEnergy(Measure[LocalEnergySettings]):
    """Train error after random flips of weights minus train error."""

    name, of, by_default = "local_energy", 1, True
    Settings = LocalEnergySettings
    FigureSettings = InsetSettings

    def needs(self, settings: LocalEnergySettings) -> tuple[str, ...]:
        """Verb: random draws by the convention asked for, or the closed form."""
        if settings.method == "exact":
            return ("expected_local_energy",)
        return ("local_energy",) if settings.flips == "count" else ("independent_local_energy",)

    def variables(self, settings: LocalEnergySettings) -> dict[str, Variable]:
        """Stored: every sample."""
        meaning = "train error after random sign flips minus train error"
        return {"local_energy": Variable(("fraction", "realization"), "f8", "1", meaning)}

    def coordinates(self, settings: LocalEnergySettings) -> dict[str, Coordinate]:
        """Fractions, and number of realisations."""
        fractions = Coordinate(tuple(settings.fractions), "fraction of the weights that are flipped")
        return {"fraction": fractions, "realization": Coordinate(settings.samples)}

    def streams(
        self, settings: LocalEnergySettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random stream of the flips, if they are drawn."""
        return {} if settings.method == "exact" else {"local_energy": {"purpose": "local_energy"}}

    def key(self, settings: LocalEnergySettings) -> dict[str, Any]:
        """Settings that change the numbers; the number of realisations only if they are drawn."""
        drawn = settings.realizations if settings.method == "sampled" else None
        return settings.model_dump() | {"realizations": drawn}

    def run(self, settings: LocalEnergySettings, case: Case) -> Arrays:
        """Sample local energies, or compute them in closed form."""
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
        """Raise ValueError unless the inset is at one of the fractions."""
        fraction = figure.inset_fraction
        if fraction is not None and fraction not in settings.fractions:
            raise ValueError(f"inset_fraction = {fraction} is not one of the fractions {settings.fractions}")

    def limits(self, settings: LocalEnergySettings) -> list[tuple[float, str, str]]:
        """Number of samples of one solution."""
        return [(len(settings.fractions) * settings.realizations, "local energies", "measure.local_energy")]

    def panels(self, results: Any) -> list[Any]:
        """Local energies at the middle point of the grid, with an inset against the swept setting."""
        return [with_inset(results)]


LABEL = "local energy: increase of the train error (%)"


def local_energies(results: Any, point: dict[str, Any]) -> Panel:
    """Local energies against the fraction of flipped weights at a point of the grid, a curve for each algorithm."""
    from binland.plots.curves import against
    from binland.plots.overlay import lay_over

    data = results.data.sel(point).sortby("fraction")
    x, energies = 100 * data["fraction"].to_numpy(), data["local_energy"]
    curves = against(results, x, energies, "fraction", 100)
    axes = Axis(results.layout.words["perturbation"]), Axis(f"{LABEL}{results.at(point)}")
    return lay_over(Panel("local_energy", *axes, curves), results, point)


INSET = (0.15, 0.57, 0.4, 0.33)  # left, bottom, width and height, in units of its panel


def with_inset(results: Any) -> Panel:
    """Local energies at the middle point of the grid, with an inset: at one fraction, against the swept setting."""
    points = results.points()
    panel = local_energies(results, points[len(points) // 2])
    if len(points) < 2:
        return panel
    return replace(panel, inset=_inset(results), y=replace(panel.y, high=_room(panel)))


def _inset(results: Any) -> Inset:
    from binland.plots.curves import of_algorithms, swept_panel

    fraction = _inset_fraction(results)
    curves = of_algorithms(results, "local_energy", 100, {"fraction": fraction}, flips=f"{100 * fraction:g} %")
    return Inset(swept_panel(results, "", "", curves, title=f"at {100 * fraction:g} % flips"), INSET)


def _inset_fraction(results: Any) -> float:
    """The fraction of the inset: that of the configuration, or the middle one."""
    fractions = [float(value) for value in results.data["fraction"].values]
    chosen = results.figure.get("local_energy", {}).get("inset_fraction")
    return chosen if chosen in fractions else sorted(fractions)[len(fractions) // 2]


def _room(panel: Panel) -> float | None:
    """The upper end of the y axis for which no curve runs through the inset; None without any numbers."""
    curves = [one for one in panel.curves if np.isfinite(one.y).all()]
    if not curves:
        return None
    left, right = min(one.x.min() for one in curves), max(one.x.max() for one in curves)
    edge = left + (INSET[0] + INSET[2] + 0.03) * (right - left)
    low, high = min(one.y.min() for one in curves), max(one.highest for one in curves)
    beside = max(max([*one.tops[one.x < edge], np.interp(edge, one.x, one.tops)]) for one in curves)
    inside = low + (beside - low) / (INSET[1] - 0.12)  # 0.12: for the labels below the inset
    return float(max(inside, low + 1.05 * (high - low)))


LOCAL_ENERGY = LocalEnergy()
