"""How figures are drawn for a screen, a paper or a talk, and where they go."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import rc_params_from_file
from matplotlib.figure import Figure

from binland.checks import checked_path, true_or_false
from binland.disk import new_version, why
from binland.errors import InvalidInputError, StoreError
from binland.plots.chart import Chart
from binland.plots.draw import draw_chart
from binland.plots.letters import any_letters
from binland.plots.provenance import FORMATS, metadata, source

INCH = 25.4  # mm
ALWAYS = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "binland", "legend.frameon": True}  # 42: TrueType
STYLES: dict[str, dict[str, Any]] = {
    "screen": {"font.size": 9.5, "lines.linewidth": 1.3, "lines.markersize": 5, "savefig.dpi": 150},
    "paper": {
        "font.size": 8,
        "lines.linewidth": 1.0,
        "lines.markersize": 3.6,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "legend.frameon": False,
        "savefig.dpi": 600,
    },
    "talk": {
        "font.size": 15,
        "lines.linewidth": 2.2,
        "lines.markersize": 8,
        "axes.linewidth": 1.2,
        "savefig.dpi": 150,
    },
}
SCALES = {"talk": 1.5}  # of panels without --width: larger letters need larger panels
WIDTHS, DPIS = (25, 2000), (20, 2400)
MOST_PIXELS = 60_000  # along a side


@dataclass(frozen=True)
class Page:
    """Style and format of figures.

    Parameters
    ----------
    style : str or path
        "screen", "paper" (letters of 8 points, thin lines), "talk" (large letters), or a style file of matplotlib.
    formats : sequence of str
        Some of "png", "pdf", "svg". Fonts of PDF files are embedded as TrueType (Type 42).
    dpi : int, optional
        Pixels per inch of PNG files, 20 to 2400; by default that of the style: 150, for a paper 600.
    width : float, optional
        Width of figures in mm, 25 to 2000; panels that are too narrow then stand below one another. By default each
        figure has the width that its panels need.
    title : bool
        Whether figures have a headline: title of the sweep, sizes, what error bars are.
    latex : bool
        Whether LaTeX sets all text; it must be installed.

    Raises
    ------
    InvalidInputError
        If one of them is something else.
    """

    style: str | Path = "screen"
    formats: Sequence[str] = ("png", "pdf")
    dpi: int | None = None
    width: float | None = None
    title: bool = True
    latex: bool = False

    def __post_init__(self) -> None:
        unknown = [one for one in self.formats if one not in FORMATS]
        if isinstance(self.formats, str) or unknown or not self.formats:
            raise InvalidInputError(f"formats={self.formats!r}: give some of {', '.join(FORMATS)}")
        for name, value, (low, high), unit in (("dpi", self.dpi, DPIS, ""), ("width", self.width, WIDTHS, " mm")):
            if value is not None and not _between(value, low, high):
                raise InvalidInputError(f"{name}={value!r}: give a number from {low} to {high}{unit}")
        true_or_false("title", self.title)
        if true_or_false("latex", self.latex) and shutil.which("latex") is None:
            raise InvalidInputError(
                "latex=True needs the program latex, which is not here; install LaTeX or leave it out"
            )

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Settings of matplotlib while figures are drawn; a matplotlibrc says the rest."""
        settings: Any = {**STYLES["screen"], **ALWAYS, **self._style(), "text.usetex": self.latex}
        with matplotlib.rc_context(settings):
            yield

    def _style(self) -> dict[str, Any]:
        """Of a name, or of a file."""
        if str(self.style) in STYLES:
            return STYLES[str(self.style)]
        path = checked_path("style", self.style)
        if not path.is_file():
            raise InvalidInputError(
                f"style={str(path)!r}: give one of {', '.join(STYLES)}, or a style file of matplotlib"
            )
        try:
            settings: Any = rc_params_from_file(path, fail_on_error=True, use_default_template=False)
            return dict(settings)
        except Exception as error:
            raise InvalidInputError(f"{path}: is no style file of matplotlib ({error})") from None

    def draw(self, chart: Chart) -> Figure:
        """The figure of a chart; within `settings`."""
        width = None if self.width is None else self.width / INCH
        return draw_chart(chart, width, self.title, SCALES.get(str(self.style), 1.0))

    def save(self, figure: Figure, folder: Path, name: str, origin: dict[str, str]) -> list[Path]:
        """Write a figure in every format; within `settings`. It replaces figures of binland only."""
        dpi = self.dpi or matplotlib.rcParams["savefig.dpi"]
        dpi = figure.dpi if dpi == "figure" else dpi
        pixels = int(max(figure.get_size_inches()) * dpi)
        if "png" in self.formats and pixels > MOST_PIXELS:
            raise InvalidInputError(f"{name}.png would have {pixels} pixels along a side; choose a smaller dpi")
        targets = [folder / f"{name}.{kind}" for kind in self.formats]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for target, kind in zip(targets, self.formats, strict=True):
                write(figure, target, kind, dpi, origin)
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{folder}: cannot be written ({why(error)}); choose another --out") from None
        except RuntimeError as error:  # of LaTeX, which prints pages
            raise InvalidInputError(f"{name}: LaTeX cannot set its text ({error}); leave latex out") from None
        return targets


def _between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def write(figure: Figure, target: Path, kind: str, dpi: float, origin: dict[str, str]) -> None:
    """Write a figure whole or not at all, with where it comes from."""
    check_ours(target)
    with new_version(target) as part, any_letters():
        figure.savefig(part, format=kind, dpi=dpi, metadata=metadata(origin, kind))
        os.replace(part, target)


def check_ours(target: Path) -> None:
    """Refuse to replace a file that is no figure of binland."""
    if os.path.lexists(target) and (not target.is_file() or source(target) is None):
        raise StoreError(f"{target}: is there already and no figure of binland; choose another --out")
