"""How many weight vectors near a solution have few train errors, by distance, `[measure.hamming]`.

Verb: hamming_volumes(solution, train, fractions, max_errors, realizations, confidence, seed, compute) -> a volume for
each of max_errors, from the same draws, with .distances (F,) in flips, .n_weights, .shares (F,), .share_intervals
(F, 2), .log_volume and .log_volume_interval.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from binland.plots.chart import Axis, Chart, Curve, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

Fraction = Annotated[float, Field(ge=0, le=1)]
FEW = 10  # draws of estimates of the time
DISTANCE, THRESHOLD = "hamming_distance", "hamming_max_error"


class HammingSettings(Section):
    """[measure.hamming]"""

    fractions: Annotated[list[Fraction], Field(min_length=1), distinct("fraction")] = Field(
        [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
        description="distances from the solution, as shares of the weights; those that are equally many flips count"
        " once in the volume",
    )
    max_errors: Annotated[list[Fraction], Field(min_length=1), distinct("error")] = Field(
        [0.0, 0.01, 0.05], description="weight vectors with at most this train error count"
    )
    realizations: Positive = Field(1000, description="random weight vectors at each distance")
    confidence: float = Field(
        0.95, ge=0.5, le=0.999999, description="probability with which the intervals at all distances hold together"
    )


class Hamming(Measure[HammingSettings]):
    """Shares of weight vectors with few train errors around a solution, and the logarithm of their number."""

    name, of = "hamming", 1
    Settings = HammingSettings

    def needs(self, settings: HammingSettings) -> tuple[str, ...]:
        """Verb: volumes of shells."""
        return ("hamming_volumes",)

    def variables(self, settings: HammingSettings) -> dict[str, Variable]:
        """Stored: shares and log-volumes, with the ends of their intervals."""
        share = "share of the weight vectors at this distance with so few train errors"
        volume = "ln(number of such weight vectors at all distances together), -inf without a hit"
        shares, volumes = (THRESHOLD, DISTANCE), (THRESHOLD,)
        return {
            "hamming_share": Variable(shares, "f8", "1", share),
            "hamming_share_low": Variable(shares, "f8", "1", "lower end of the interval of hamming_share"),
            "hamming_share_high": Variable(shares, "f8", "1", "upper end of the interval of hamming_share"),
            "hamming_log_volume": Variable(volumes, "f8", "1", volume),
            "hamming_log_volume_low": Variable(volumes, "f8", "1", "lower end of the interval of the log-volume"),
            "hamming_log_volume_high": Variable(volumes, "f8", "1", "upper end of the interval of the log-volume"),
        }

    def coordinates(self, settings: HammingSettings) -> dict[str, Coordinate]:
        """Thresholds and distances."""
        return {
            THRESHOLD: Coordinate(tuple(settings.max_errors), "largest train error that counts"),
            DISTANCE: Coordinate(tuple(settings.fractions), "Hamming distance from the solution (share of weights)"),
        }

    def streams(
        self, settings: HammingSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random stream of the weight vectors."""
        return {"hamming": {"purpose": "hamming"}}

    def run(self, settings: HammingSettings, case: Case) -> Arrays:
        """Draw weight vectors and count their errors."""
        (solution,) = case.solutions
        found = case.family.hamming_volumes(
            solution,
            case.train,
            settings.fractions,
            settings.max_errors,
            settings.realizations,
            settings.confidence,
            case.seeds["hamming"],
            case.compute,
        )
        flips = [round(fraction * found[0].n_weights) for fraction in settings.fractions]
        places = np.searchsorted(found[0].distances, flips)
        low, high = np.moveaxis(np.array([one.share_intervals[places] for one in found]), -1, 0)
        least, most = np.array([one.log_volume_interval for one in found]).T
        return {
            "hamming_share": np.array([one.shares[places] for one in found]),
            "hamming_share_low": low,
            "hamming_share_high": high,
            "hamming_log_volume": np.array([one.log_volume for one in found]),
            "hamming_log_volume_low": least,
            "hamming_log_volume_high": most,
        }

    def limits(self, settings: HammingSettings) -> list[tuple[float, str, str]]:
        """Number of weight vectors around one solution."""
        return [(len(settings.fractions) * settings.realizations, "weight vectors", "measure.hamming")]

    def quick(self, settings: HammingSettings) -> tuple[HammingSettings, float]:
        """A few weight vectors at each distance."""
        few = min(settings.realizations, FEW)
        return settings.model_copy(update={"realizations": few}), settings.realizations / few

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Shares against the distance for every point of the grid; log-volumes beside the test error."""
        from binland.plots.ranks import comparable

        for ending, point in results.named_points():
            if results.any_done(self.name, results.data.sel(point)):
                yield f"_hamming{ending}", shares(results, point)
        for ending, part in comparable(results):
            if results.any_done(self.name, part.data) and "test_error" in part.data:
                yield f"_hamming_volume{ending}", volumes(part)


def shares(results: Any, point: dict[str, Any]) -> Chart:
    """Shares against the distance at a point of the grid: a panel for each threshold, a curve for each algorithm."""
    data = results.data.sel(point).sortby(DISTANCE)
    panels = [_shares(results, data.sel({THRESHOLD: one}), float(one)) for one in data[THRESHOLD].to_numpy()]
    return _chart(results, point, panels, "Bands: intervals from the draws, means over solutions;")


def _shares(results: Any, at: "xr.Dataset", threshold: float) -> Panel:
    """Shares at one threshold."""
    from binland.plots.curves import against

    x = at[DISTANCE].to_numpy()
    ends = [against(results, x, at[f"hamming_share_{end}"], DISTANCE) for end in ("low", "high")]
    bands = [_band(low, high) for low, high in zip(*ends, strict=True)]
    curves = against(results, x, at["hamming_share"], DISTANCE)
    axes = Axis("Hamming distance from the solution (share of weights)"), Axis("share of weight vectors", zero=True)
    return Panel(f"hamming_share_{threshold:g}", *axes, [*bands, *curves], title=_errors_up_to(threshold))


def _band(low: Curve, high: Curve) -> Curve:
    """The band between two curves."""
    labels = {**low.labels, "what": "middle and half length of the interval"}
    look = replace(low.look, line="", marker="")
    return Curve(low.x, (low.y + high.y) / 2, (high.y - low.y) / 2, None, look, low.name, labels, band=True)


def volumes(results: Any) -> Chart:
    """Test errors against log-volumes of all solutions, a panel for each threshold."""
    from binland.plots.ranks import INTERVALS, against_test_error

    data = results.data
    panels: list[Panel] = []
    for one in data[THRESHOLD].to_numpy():
        values = data["hamming_log_volume"].sel({THRESHOLD: one})
        label = f"log-volume, {_errors_up_to(float(one))} (larger: flatter)"
        panels.append(against_test_error(results, f"hamming_volume_{float(one):g}", label, values))
    without = "Crosses: single solutions, those without a hit are not drawn and count as the smallest;"
    return _chart(results, {}, panels, f"{without} {INTERVALS}")


def _errors_up_to(threshold: float) -> str:
    return f"train error at most {100 * threshold:g} %"


def _chart(results: Any, point: dict[str, Any], panels: list[Panel], about: str) -> Chart:
    """A chart with the number of solutions and the meaning of error bars."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import counted, headline

    data = results.data
    counts = f"{counted(data.sizes['solution'], 'solution')} of each algorithm at each point;"
    facts = headline(results, results.words_of(point), counts, about, f"{error_bar_text(data)}.")
    entries = algorithm_entries(results, with_states=False)
    return Chart(panels, facts, entries=entries, columns=3, size=(4.2, 3.7))


HAMMING = Hamming()
