"""The paper's overview figure (Fig. 6 for the committee machine, Fig. 18 for the perceptron) from a result file."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from binland.errors import InvalidInputError, StoreError
from binland.sweep.load import load_results
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import DONE
from binland.sweep.store.store import Store

# The paper's green, blue and red in shades that stay apart for colour-blind readers; the markers are the paper's too.
COLOURS = {"RSGD": "#009E73", "SGD": "#0072B2", "ADV": "#D55E00"}
MARKERS = {"RSGD": "^", "SGD": "o", "ADV": "s"}
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))


def plot_overview(path: str | Path, out: str | Path) -> list[Path]:
    """Draw local energies, test errors, Hamming distances and barriers of a sweep; returns the PNG and PDF paths.

    Points are means over all samples; error bars are described by `mean_and_error` and named in the figure.
    Raises StoreError if the file is missing, foreign or holds no finished task yet, InvalidInputError if `out` cannot
    be written.
    """
    spec = Store.open(path).spec
    data = load_results(path)
    if not bool((data["solution_state"] == DONE).any()):
        raise StoreError(f"{path}: no finished task yet; run `binland sweep` first")
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 7.6), constrained_layout=True)
    _local_energies(axes[0, 0], data, spec)
    _curves(axes[0, 1], data, spec, "test_error", "test error (%)", scale=100)
    if spec.pairs():
        _compared(axes[1, 0], data, spec, "distance", "Hamming distance (fraction of weights)", scale=1)
        _compared(axes[1, 1], data, spec, "barrier", "barrier: maximum train error (%)", scale=100)
        axes[1, 1].set_ylim(bottom=min(0, axes[1, 1].get_ylim()[0]))
    else:
        for panel in axes[1]:
            panel.set_axis_off()
            panel.text(0.5, 0.5, "one solution each: no pairs", ha="center", transform=panel.transAxes)
    figure.suptitle(_headline(data, spec), fontsize=9)
    folder = Path(out)
    targets = [folder / f"{Path(path).stem}.{ending}" for ending in ("png", "pdf")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in targets:
            figure.savefig(target, dpi=110)
    except OSError as error:
        raise InvalidInputError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None
    finally:
        plt.close(figure)
    return targets


def mean_and_error(values: xr.DataArray, keep: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over everything but `keep`, and its error bar.

    With two or more disorder samples: standard error of the mean over disorder samples (averaged inside each first).
    With one: standard deviation over solutions or pairs (averaged over orders and realisations first), which says
    nothing about other disorder samples.
    """
    inner = [dim for dim in values.dims if dim not in (keep, "disorder", "solution", "pair")]
    per_run = values.mean(inner)
    runs = [dim for dim in per_run.dims if dim in ("solution", "pair")]
    per_sample = per_run.mean(runs)
    mean = per_sample.mean("disorder")
    if values.sizes["disorder"] > 1:
        count = per_sample.notnull().sum("disorder")
        error = per_sample.std("disorder", ddof=1) / np.sqrt(count)
    else:
        error = per_run.isel(disorder=0).std(runs, ddof=1)
    return mean.to_numpy(), error.to_numpy()


def error_bar_text(data: xr.Dataset) -> str:
    """What the error bars of `mean_and_error` are for this data."""
    samples = data.sizes["disorder"]
    if samples > 1:
        return f"error bars: standard error over {samples} disorder samples"
    return "error bars: standard deviation over solutions or pairs of one disorder sample"


def _headline(data: xr.Dataset, spec: SweepSpec) -> str:
    hidden = f", H = {spec.model.n_hidden}" if spec.model.kind == "committee" else ""
    parts = [
        f"D = {spec.data.latent_dim}, P = {spec.data.n_patterns}{hidden};",
        f"{spec.grid.solutions} solutions, {len(spec.pairs())} directed pairs, {spec.measure.orders} orders;",
        f"{error_bar_text(data)}.",
    ]
    if any(bool((data[name] != DONE).any()) for name in ("solution_state", "pair_state") if name in data):
        parts.append("UNFINISHED SWEEP.")
    return _plain(f"{spec.title or spec.model.kind}\n{' '.join(parts)}")


def _plain(text: str) -> str:
    """Text that matplotlib does not read as mathematics."""
    return text.replace("$", r"\$")


def _style(spec: SweepSpec, label: str) -> dict[str, Any]:
    """Colour and marker of the algorithm's kind; variants of a kind differ in their lines."""
    kinds = {name: type(spec.algorithm(name)).__name__ for name in spec.algorithms}
    same = [name for name, kind in kinds.items() if kind == kinds[label]]
    kind = kinds[label]
    return {"color": COLOURS[kind], "marker": MARKERS[kind], "linestyle": LINES[same.index(label) % len(LINES)]}


def _errorbar(
    axes: Axes, x: NDArray[np.float64], mean: NDArray[np.float64], error: NDArray[np.float64], **style: object
) -> None:
    axes.errorbar(x, mean, error, markersize=5, capsize=2.5, linewidth=1.3, **style)  # type: ignore[arg-type]


def _parameters(axes: Axes, data: xr.Dataset, size: int = 8, every: int = 1) -> None:
    """Logarithmic axis of the number of parameters, labelled at (every so many of) the measured points."""
    counts = np.sort(data["n_weights"].to_numpy())[::every]
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count / 1000:.3g}k" if count >= 10_000 else f"{count}" for count in counts])
    axes.tick_params(axis="x", labelsize=size)
    axes.minorticks_off()
    axes.set_xlabel("number of parameters", fontsize=size + 1)


def _ratios(axes: Axes, data: xr.Dataset) -> None:
    """N / D along the top."""
    factor = float((data["overparameterization"] / data["n_weights"])[0])
    top = axes.secondary_xaxis("top", functions=(lambda x: np.asarray(x) * factor, lambda x: np.asarray(x) / factor))
    top.set_xlabel("overparameterisation N / D", fontsize=8)
    ratios = np.sort(data["overparameterization"].to_numpy())
    top.set_xticks(ratios, [f"{ratio:.2g}" for ratio in ratios], fontsize=8)
    top.minorticks_off()


def _curves(axes: Axes, data: xr.Dataset, spec: SweepSpec, name: str, label: str, scale: float) -> None:
    for algorithm in spec.algorithms:
        mean, error = mean_and_error(data[name].sel(algorithm=algorithm).sortby("n_inputs"), "n_inputs")
        x = np.sort(data["n_weights"].to_numpy())
        _errorbar(axes, x, scale * mean, scale * error, label=_plain(algorithm), **_style(spec, algorithm))
    _parameters(axes, data)
    _ratios(axes, data)
    axes.set_ylabel(label)
    axes.legend(fontsize=8)


def _compared(axes: Axes, data: xr.Dataset, spec: SweepSpec, name: str, label: str, scale: float) -> None:
    """Raw in light colours, aligned in dark ones; raw only where there is no symmetry."""
    shown = ("raw", "aligned") if spec.model.kind == "committee" else ("raw",)
    for algorithm in spec.algorithms:
        for symmetry in shown:
            values = data[name].sel(algorithm=algorithm, symmetry=symmetry).sortby("n_inputs")
            mean, error = mean_and_error(values, "n_inputs")
            x = np.sort(data["n_weights"].to_numpy())
            light = 0.4 if symmetry == "raw" and len(shown) > 1 else 1.0
            text = _plain(f"{algorithm}, {symmetry}" if len(shown) > 1 else algorithm)
            _errorbar(axes, x, scale * mean, scale * error, label=text, alpha=light, **_style(spec, algorithm))
    _parameters(axes, data)
    _ratios(axes, data)
    axes.set_ylabel(label)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.22 * (high - low))  # room for the legend
    axes.legend(fontsize=7, ncols=len(spec.algorithms), loc="upper center")


def _local_energies(axes: Axes, data: xr.Dataset, spec: SweepSpec) -> None:
    sizes = np.sort(data["n_inputs"].to_numpy())
    shown = int(sizes[len(sizes) // 2])
    inset = axes.inset_axes((0.13, 0.55, 0.4, 0.4))
    for algorithm in spec.algorithms:
        values = data["local_energy"].sel(algorithm=algorithm)
        order = np.argsort(data["fraction"].to_numpy())
        mean, error = mean_and_error(values.sel(n_inputs=shown), "fraction")
        style = _style(spec, algorithm)
        x = 100 * data["fraction"].to_numpy()[order]
        _errorbar(axes, x, 100 * mean[order], 100 * error[order], label=_plain(algorithm), **style)
        fixed = values.sel(fraction=spec.measure.shown_fraction).sortby("n_inputs")
        mean, error = mean_and_error(fixed, "n_inputs")
        _errorbar(inset, np.sort(data["n_weights"].to_numpy()), 100 * mean, 100 * error, **style)
    axes.set_xlabel("flipped weights (%)")
    axes.set_ylabel(f"local energy (train error, %) at N = {shown}")
    axes.legend(fontsize=8, loc="lower right")
    _parameters(inset, data, size=6, every=max(1, (len(sizes) - 1) // 2))
    inset.tick_params(labelsize=6)
    inset.set_title(f"at {100 * spec.measure.shown_fraction:g} % flips", fontsize=7)
