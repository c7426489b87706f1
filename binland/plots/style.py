"""What all figures share: colours, error bars, headlines, files."""

import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from binland.checks import checked_path
from binland.errors import InvalidInputError, one_line

if TYPE_CHECKING:
    import xarray as xr

    from binland.plots.results import Results

# First the paper's green, blue and red in shades that stay apart for colour-blind readers, and the paper's markers. The
# variants of a kind go through its colours, its markers and all lines at once: 84 of them until two look the same.
COLOURS = {
    "RSGD": ("#009E73", "#7FA800", "#00B8C4", "#1B5E3A"),
    "SGD": ("#0072B2", "#56B4E9", "#332288", "#7A6BD1"),
    "ADV": ("#D55E00", "#E69F00", "#CC5C99", "#882255"),
    "FBP": ("#A347BA", "#C77CFF", "#5E2B7A", "#8A63D2"),
    "RBP": ("#8C6D46", "#B8946A", "#5C4526", "#A08C28"),
}
MARKERS = {
    "RSGD": ("^", "v", ">"),
    "SGD": ("o", "p", "*"),
    "ADV": ("s", "D", "X"),
    "FBP": ("d", "h", "8"),
    "RBP": ("P", "H", "p"),
}
OTHERS = (("#555555", "#000000", "#8C6D46", "#999999"), ("D", "P", "<"))  # colours and markers of other kinds
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))

LIGHT = 0.4  # opacity of raw curves beside aligned ones
LONGEST_TITLE, LONGEST_LABEL = 300, 70  # letters in a figure
FILLED = 0.9  # of the width that a text may take: its lines are not all of average width


def saved(figure: Figure, results: "Results", out: str | Path, suffix: str = "") -> list[Path]:
    """Write a figure as PNG and PDF, named like the result file; raises InvalidInputError if that is not possible."""
    folder = checked_path("out", out)
    targets = [folder / f"{results.path.stem}{suffix}.{ending}" for ending in ("png", "pdf")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with any_letters():
            for target in targets:
                figure.savefig(target, dpi=110)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"{folder}: cannot be written ({reason}); choose another --out") from None
    return targets


@contextmanager
def any_letters() -> Iterator[None]:
    """Letters that the font lacks are boxes, without a warning for each; font.family in a matplotlibrc may help."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        yield


RUNS = ("solution", "pair", "across")  # dimensions of tasks; those of other kinds have a coordinate that says so


def mean_and_error(values: "xr.DataArray", keep: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over everything but `keep`, and its error bar.

    With two or more disorder samples: standard error of the mean over disorder samples (averaged inside each first).
    With one: standard deviation over solutions, pairs or bends (averaged over orders and realisations first), which
    says nothing about other disorder samples.
    """
    runs = [dim for dim in values.dims if dim in RUNS or f"{dim}_start" in values.coords]
    inner = [dim for dim in values.dims if dim not in (keep, "disorder", *runs)]
    per_run = values.mean(inner)
    per_sample = per_run.mean(runs)
    mean = per_sample.mean("disorder")
    if values.sizes["disorder"] > 1:
        count = per_sample.notnull().sum("disorder")
        error = per_sample.std("disorder", ddof=1) / np.sqrt(count)
    else:
        error = per_run.isel(disorder=0).std(runs, ddof=1)
    return mean.to_numpy(), error.to_numpy()


def error_bar_text(data: "xr.Dataset", what: str = "error bars") -> str:
    """What the error bars of `mean_and_error` are for this data."""
    samples = data.sizes["disorder"]
    if samples > 1:
        return f"{what}: standard error over {samples} disorder samples"
    return f"{what}: standard deviation over solutions or pairs of one disorder sample"


def headline(results: "Results", *parts: str, inches: float, size: int = 9) -> str:
    """Title of the sweep; what it is about and the given parts; whether it is finished; in lines that fit the width."""
    from binland.sweep.store.layout import DONE

    layout, data = results.layout, results.data
    states = [data[f"{kind}_state"] for kind in layout.kinds if f"{kind}_state" in data]
    unfinished = ["UNFINISHED SWEEP."] if any(bool((state != DONE).any()) for state in states) else []
    left_out = len(layout.labels) - len(results.labels)
    some = [f"Without the last {left_out} algorithms."] if left_out else []
    facts = " ".join(filter(None, [f"{layout.words.get('summary', '')};", *parts, *some, *unfinished]))
    title = one_line(str(results.settings.get("title") or ""), LONGEST_TITLE) or _kind(results)
    return plain("\n".join(wrapped(text, inches, size) for text in (title, facts)))


def counted(count: int, noun: str) -> str:
    """1 solution, 2 solutions"""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _kind(results: "Results") -> str:
    model = results.settings.get("model")
    return one_line(str(model.get("kind", "")) if isinstance(model, dict) else "", LONGEST_TITLE) or "sweep"


def wrapped(text: str, inches: float, size: int) -> str:
    """Text in lines of so many inches, of letters of so many points."""
    with any_letters():
        width = TextPath((0, 0), plain(text), size=size).get_extents().width / 72
    return textwrap.fill(text, max(1, int(FILLED * len(text) * inches / width)))


def plain(text: str) -> str:
    """Text that matplotlib does not read as mathematics."""
    return text.replace("$", r"\$")


def short(label: str) -> str:
    """A label of at most LONGEST_LABEL letters: its beginning and its end."""
    line = one_line(label, len(label) + 1)
    half = LONGEST_LABEL // 2 - 1
    return line if len(line) <= LONGEST_LABEL else f"{line[:half]}...{line[-half + 1 :]}"


def style(results: "Results", label: str) -> dict[str, Any]:
    """Colour and marker of the algorithm's kind; variants of a kind differ in shade, marker and line."""
    tables = results.settings.get("algorithms", {})
    kinds = {name: str(tables.get(name, {}).get("kind", name)) for name in results.layout.labels}
    kind = kinds[label]
    same = [name for name in kinds if kinds[name] == kind or not {kind, kinds[name]} & {*COLOURS}]
    colours, markers = (COLOURS[kind], MARKERS[kind]) if kind in COLOURS else OTHERS
    place = same.index(label)
    return {
        "color": colours[place % len(colours)],
        "marker": markers[place % len(markers)],
        "linestyle": LINES[place % len(LINES)],
    }


def opacity(results: "Results", state: str) -> float:
    """Of a symmetry state: the last one dark, the first one light."""
    states = results.states
    if len(states) < 2 or state == states[-1]:
        return 1.0
    return LIGHT + (1 - LIGHT) * states.index(state) / (len(states) - 1)


def errorbar(
    axes: Axes, x: NDArray[np.float64], mean: NDArray[np.float64], error: NDArray[np.float64], **style: object
) -> None:
    """A curve with error bars."""
    axes.errorbar(x, mean, error, markersize=5, capsize=2.5, linewidth=1.3, **style)  # type: ignore[arg-type]
