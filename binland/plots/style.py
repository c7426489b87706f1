"""What all figures share: what they read, colours, error bars, headlines, files."""

import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from binland.errors import InvalidInputError, StoreError
from binland.sweep.load import load_results
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import DONE
from binland.sweep.store.store import Store
from binland.sweep.tasks import KINDS

# The paper's green, blue and red in shades that stay apart for colour-blind readers; the markers are the paper's too.
COLOURS = {"RSGD": "#009E73", "SGD": "#0072B2", "ADV": "#D55E00"}
MARKERS = {"RSGD": "^", "SGD": "o", "ADV": "s"}
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))


LIGHT = 0.4  # opacity of raw curves beside aligned ones


class Results(NamedTuple):
    """A sweep to be drawn."""

    path: Path
    spec: SweepSpec
    data: xr.Dataset

    @property
    def symmetries(self) -> tuple[str, ...]:
        """What is shown of pairs: raw only where there is no symmetry."""
        return ("raw", "aligned") if self.spec.family.symmetric(self.spec) else ("raw",)

    @property
    def sizes(self) -> list[int]:
        """In increasing order."""
        return sorted(self.spec.sizes)


def read(path: str | Path) -> Results:
    """What there is to draw.

    Raises StoreError if the file is missing, foreign or holds no finished task yet.
    """
    spec, data = Store.open(path).spec, load_results(path)
    if not bool((data["solution_state"] == DONE).any()):
        raise StoreError(f"{path}: no finished task yet; run `binland sweep` first")
    return Results(Path(path), spec, data)


def saved(figure: Figure, results: Results, out: str | Path, suffix: str = "") -> list[Path]:
    """Write a figure as PNG and PDF, named like the result file; raises InvalidInputError if that is not possible."""
    folder = Path(out)
    targets = [folder / f"{results.path.stem}{suffix}.{ending}" for ending in ("png", "pdf")]
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
    With one: standard deviation over solutions, pairs or bends (averaged over orders and realisations first), which
    says nothing about other disorder samples.
    """
    inner = [dim for dim in values.dims if dim not in (keep, "disorder", *KINDS)]
    per_run = values.mean(inner)
    runs = [dim for dim in per_run.dims if dim in KINDS]
    per_sample = per_run.mean(runs)
    mean = per_sample.mean("disorder")
    if values.sizes["disorder"] > 1:
        count = per_sample.notnull().sum("disorder")
        error = per_sample.std("disorder", ddof=1) / np.sqrt(count)
    else:
        error = per_run.isel(disorder=0).std(runs, ddof=1)
    return mean.to_numpy(), error.to_numpy()


def error_bar_text(data: xr.Dataset, what: str = "error bars") -> str:
    """What the error bars of `mean_and_error` are for this data."""
    samples = data.sizes["disorder"]
    if samples > 1:
        return f"{what}: standard error over {samples} disorder samples"
    return f"{what}: standard deviation over solutions or pairs of one disorder sample"


def headline(results: Results, *parts: str, width: int = 125) -> str:
    """Title of the sweep; what it is about and the given parts; whether it is finished; in lines of so many letters."""
    spec, data = results.spec, results.data
    states = [data[f"{kind}_state"] for kind in KINDS if f"{kind}_state" in data]
    unfinished = ["UNFINISHED SWEEP."] if any(bool((state != DONE).any()) for state in states) else []
    facts = " ".join([f"{spec.family.summary(spec)};", *parts, *unfinished])
    return plain("\n".join(textwrap.fill(text, width) for text in (spec.title or spec.model.kind, facts)))


def plain(text: str) -> str:
    """Text that matplotlib does not read as mathematics."""
    return text.replace("$", r"\$")


def style(spec: SweepSpec, label: str) -> dict[str, Any]:
    """Colour and marker of the algorithm's kind; variants of a kind differ in their lines."""
    kinds = {name: settings["kind"] for name, settings in spec.described.items()}
    same = [name for name, kind in kinds.items() if kind == kinds[label]]
    kind = kinds[label]
    return {
        "color": COLOURS.get(kind, "#555555"),
        "marker": MARKERS.get(kind, "D"),
        "linestyle": LINES[same.index(label) % len(LINES)],
    }


def errorbar(
    axes: Axes, x: NDArray[np.float64], mean: NDArray[np.float64], error: NDArray[np.float64], **style: object
) -> None:
    """A curve with error bars."""
    axes.errorbar(x, mean, error, markersize=5, capsize=2.5, linewidth=1.3, **style)  # type: ignore[arg-type]


def local_energies(axes: Axes, results: Results, size: int, labels: dict[str, str]) -> None:
    """Local energies against the fraction of flips at one size, a curve for every algorithm."""
    spec, data = results.spec, results.data
    x = 100 * data["fraction"].to_numpy()
    order = np.argsort(x)
    for algorithm in spec.algorithms:
        values = data["local_energy"].sel({"algorithm": algorithm, spec.family.axis: size})
        mean, error = mean_and_error(values, "fraction")
        curve = (x[order], 100 * mean[order], 100 * error[order])
        errorbar(axes, *curve, label=plain(labels[algorithm]), **style(spec, algorithm))
    axes.set_xlabel("flipped weights (%)")
    axes.set_ylabel(f"local energy (train error, %) at {spec.family.symbol} = {size}")
