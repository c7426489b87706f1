"""Whether a quantity goes with the test error: Kendall's rank correlation over many solutions, and a panel of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.plots.chart import Axis, Curve, Panel
from binland.rng import Seed, generator

if TYPE_CHECKING:
    import xarray as xr

DRAWS = 1000  # bootstrap samples
CONFIDENCE = 0.95  # share of them inside of the interval
INTERVALS = f"τ: Kendall's, with {100 * CONFIDENCE:g} % bootstrap intervals, solutions taken as independent;"
WIDE = 50  # a positive quantity whose largest value is so many times its smallest is drawn on a logarithmic axis
SIZES = (0.7, 1.6)  # of crosses, from the smallest swept value to the largest


class Ranks(NamedTuple):
    """Kendall's tau-b of `n_solutions`, and its bootstrap interval; nan where there are no ranks."""

    tau: float
    low: float
    high: float
    n_solutions: int

    def __str__(self) -> str:
        if not np.isfinite(self.tau):
            return f"{self.n_solutions} solutions: too few for ranks, or all equal"
        return f"τ = {self.tau:.2f} ({self.low:.2f} to {self.high:.2f}), {self.n_solutions} solutions"


def kendall(x: NDArray[Any], y: NDArray[Any], seed: Seed = 0) -> Ranks:
    """Kendall's tau-b of pairs (T,), with an interval from bootstrap samples of the pairs; pairs with nan are left out.

    In a sample in which pair k occurs n_k times the coefficient is made of sums of n_i n_j s_ij, with signs s_ij of
    differences, so that all samples together are products of matrices. Infinite numbers have ranks, too.
    """
    known = ~(np.isnan(x) | np.isnan(y))
    a, b = (np.greater.outer(v, v) * 1.0 - np.less.outer(v, v) for v in (x[known], y[known]))
    count = int(known.sum())
    rng = generator(seed, "correlation")
    drawn = rng.integers(max(count, 1), size=(DRAWS, count))
    times = np.stack([np.bincount(row, minlength=count) for row in drawn]).astype(float)
    tau = _tau(a, b, np.ones((1, count)))
    samples = _tau(a, b, times)
    samples = samples[np.isfinite(samples)]
    if count < 3 or not np.isfinite(tau[0]) or not len(samples):
        return Ranks(np.nan, np.nan, np.nan, count)
    low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Ranks(float(tau[0]), float(low), float(high), count)


def _tau(a: NDArray[np.float64], b: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """tau-b (B,) of samples with pair k `times[:, k]` times, from signs of differences (T, T); nan without ranks."""
    both, of_a, of_b = (((times @ signs) * times).sum(1) for signs in (a * b, a * a, b * b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(of_a * of_b > 0, both / np.sqrt(of_a * of_b), np.nan)


def comparable(results: Any) -> Iterator[tuple[str, Any]]:
    """What is compared, after endings of file names: the whole grid, or each point if sizes of models differ there."""
    if "n_weights" not in results.data or np.ptp(results.data["n_weights"].to_numpy()) == 0:
        yield "", results
        return
    for ending, point in results.named_points():
        yield ending, results._replace(data=results.data.sel(point), fixed=results.fixed | point)


def against_test_error(results: Any, name: str, label: str, values: "xr.DataArray") -> Panel:
    """Test errors against a quantity of single solutions: a cross for each, means with error bars, tau in the title.

    All points of the grid are in one panel; crosses are larger where the swept values are. Values of -inf have ranks
    and are not drawn. A solution that is at two points of the grid, as where a setting is written twice, counts once.
    """
    tests = 100 * results.data["test_error"]
    once = _once(results.data)
    x, y = (np.ravel(one.where(once).to_numpy()) for one in _aligned(values, tests))
    title = label.partition(" (")[0]
    axes = Axis(label, is_wide(x)), Axis("test error (%)")
    return Panel(name, *axes, list(_marks(results, values, tests)), title=f"{title}\n{kendall(x, y)}")


def _once(data: "xr.Dataset") -> "xr.DataArray":
    """False for solutions with an id that one before has; in files without ids all are True."""
    import xarray as xr

    if "solution_id" not in data:
        return xr.DataArray(True)
    ids = data["solution_id"]
    once = np.zeros(ids.shape, np.bool_)
    once.flat[np.unique(ids.to_numpy().astype(str), return_index=True)[1]] = True
    return ids.copy(data=once)


def is_wide(values: NDArray[Any]) -> bool:
    """Whether finite values are positive and so different that they need a logarithmic axis."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() > WIDE * known.min())


def on_wide_axis(panel: Panel) -> Panel:
    """The panel, with a logarithmic y axis if what its curves show needs it."""
    values = np.concatenate([np.empty(0), *(curve.y for curve in panel.curves)])
    return replace(panel, y=replace(panel.y, log=is_wide(values)))


def _aligned(*arrays: "xr.DataArray") -> "tuple[xr.DataArray, ...]":
    """Arrays with all dimensions in the same order."""
    import xarray as xr

    return tuple(one.transpose(*arrays[0].dims) for one in xr.broadcast(*arrays))


def _marks(results: Any, values: "xr.DataArray", tests: "xr.DataArray") -> Iterator[Curve]:
    """Crosses and means of every algorithm at every point of the grid."""
    from binland.plots.error_bars import of_one
    from binland.plots.results import shown_number
    from binland.plots.style import style

    points = results.points()
    sizes = np.linspace(*SIZES, len(points)) if len(points) > 1 else [1.0]
    for point, size in zip(points, sizes, strict=True):
        for label in results.labels:
            x, y = (one.sel(point).sel(algorithm=label) for one in (values, tests))
            look = replace(style(results, label), line="", size=float(size))
            labels = {"algorithm": label, **{axis: shown_number(value) for axis, value in point.items()}}
            across, up = (np.ravel(one.to_numpy()) for one in _aligned(x, y))
            crosses = replace(look, marker="x", alpha=0.5)
            yield Curve(across, up, look=crosses, name=label, labels=labels | {"what": "single solutions"})
            if not np.isinf(across).any():  # a mean of some of them would be another quantity
                (mean, error), (height, bar) = of_one(x), of_one(y)
                yield Curve(mean, height, bar, error, look, label, labels | {"what": "mean"})
