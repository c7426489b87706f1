"""`Page`: style, size and formats of figures, and how they are written."""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import rc_params_from_file
from matplotlib.figure import Figure

from binland.checks import checked_path, true_or_false
from binland.disk import new_version, why
from binland.errors import InvalidInputError, StoreError, one_line
from binland.plots.chart import Chart
from binland.plots.draw import draw_chart
from binland.plots.letters import any_letters
from binland.plots.provenance import FORMATS, metadata, source

INCH = 25.4  # mm
ALWAYS: dict[str, Any] = {  # whatever a style file says
    "pdf.fonttype": 42,  # TrueType
    "ps.fonttype": 42,
    "pdf.use14corefonts": False,
    "svg.hashsalt": "binland",
    "figure.dpi": 100,
    "savefig.bbox": None,  # figures are as wide as they are asked to be
}
SANS = "sans-serif"  # the family of fonts that matplotlib has if nobody chose another one
NARROWEST = 6.2  # mm of a figure for each point of its letters
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
SCALES = {"talk": 1.5}  # factor of the size of panels if no width is given: larger letters need larger panels
WIDTHS, DPIS = (40, 2000), (20, 2400)
LONGEST = 200  # letters of an error of LaTeX
MOST_PIXELS = 1.5e8  # of a PNG file, which takes 600 MB while it is drawn


@dataclass(frozen=True)
class Page:
    """Style, size and formats of figures.

    Parameters
    ----------
    style : str or pathlib.Path, default "screen"
        "screen", "paper" (letters of 8 points, thin lines), "talk" (large letters), or a style file of matplotlib.
    formats : sequence of str, default ("png", "pdf")
        Some of "png", "pdf" and "svg". Fonts of PDF files are embedded as TrueType (Type 42), unless LaTeX sets the
        text.
    dpi : int, optional
        Pixels per inch of PNG files, 20 to 2400; by default that of the style: 150, for a paper 600.
    width : float, optional
        Width of figures in mm, 40 to 2000, and at least 6.2 for each point of the letters: 50 for "paper", 59 for
        "screen", 93 for "talk". A narrow figure has fewer panels side by side. By default a figure is as wide as its
        panels need.
    title : bool, default True
        Whether figures have a headline: title of the sweep, sizes, what the error bars are.
    latex : bool, default False
        Whether LaTeX, which must be installed, sets all text.

    Raises
    ------
    InvalidInputError
        If an argument is not allowed. A style file is read only when a figure is drawn.

    Examples
    --------
    >>> import binland as bl
    >>> page = bl.plots.Page("paper", formats=["pdf"], width=86)
    >>> bl.plots.plot_results("fig6.h5", "figures", page=page)  # doctest: +SKIP
    """

    style: str | Path = "screen"
    formats: Sequence[str] = ("png", "pdf")
    dpi: int | None = None
    width: float | None = None
    title: bool = True
    latex: bool = False

    def __post_init__(self) -> None:
        given = self.formats if isinstance(self.formats, list | tuple) else ()
        if not given or any(one not in FORMATS for one in given):
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
        """Apply the style to matplotlib for a while; a context manager.

        Settings that the style does not mention stay as they are, for example those of a matplotlibrc file.

        Yields
        ------
        None
            Afterwards matplotlib has its former settings again.

        Raises
        ------
        InvalidInputError
            If `style` is a file that cannot be read as a style of matplotlib.
        """
        settings: Any = {**STYLES["screen"], **self._style(), **ALWAYS, "text.usetex": self.latex}
        if self.latex and matplotlib.rcParams["font.family"] == [SANS]:
            settings.setdefault("font.family", "serif")  # LaTeX sets numbers with serifs, whatever the letters have
        with matplotlib.rc_context(settings):
            yield

    def _style(self) -> dict[str, Any]:
        """Settings of the style, which is a name or a file."""
        if str(self.style) in STYLES:
            return STYLES[str(self.style)]
        path = checked_path("style", self.style)
        if not path.is_file():
            raise InvalidInputError(
                f"style={str(path)!r}: give one of {', '.join(STYLES)}, or a style file of matplotlib"
            )
        try:
            settings: Any = rc_params_from_file(path, fail_on_error=True, use_default_template=False)
            return {name: value for name, value in settings.items() if name != "backend"}
        except Exception as error:
            raise InvalidInputError(f"{path}: is no style file of matplotlib ({error})") from None

    def draw(self, chart: Chart) -> Figure:
        """Draw a chart into a new figure; call it within `settings`.

        Parameters
        ----------
        chart : Chart
            The description of the figure.

        Returns
        -------
        matplotlib.figure.Figure
            The figure, which pyplot does not know.

        Raises
        ------
        InvalidInputError
            If the width is too small for the letters, LaTeX fails, or a style file makes drawing impossible.
        """
        width = None if self.width is None else self.width / INCH
        least = NARROWEST * matplotlib.rcParams["font.size"]
        if self.width is not None and self.width < least:
            letters = f"letters of {matplotlib.rcParams['font.size']:g} points"
            raise InvalidInputError(f"width={self.width:g}: {letters} need at least {math.ceil(least)} mm")
        try:
            return draw_chart(chart, width, self.title, SCALES.get(str(self.style), 1.0))
        except RuntimeError as error:  # of LaTeX, which prints pages
            raise InvalidInputError(
                f"LaTeX cannot set the text of a figure ({_objection(error)}); leave latex out"
            ) from None
        except ValueError as error:
            raise InvalidInputError(f"style={str(self.style)!r}: no figure can be drawn with it ({error})") from None

    def save(self, figure: Figure, folder: Path, name: str, origin: dict[str, str]) -> list[Path]:
        """Write a figure in every format; call it within `settings`.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            What to write.
        folder : pathlib.Path
            Folder of the files, made if missing.
        name : str
            File name without its ending.
        origin : dict of str
            From which file the figure was drawn, for the metadata; it has at least the keys "file", "file_id" and
            "drawn_with".

        Returns
        -------
        list of pathlib.Path
            The files, one for each format.

        Raises
        ------
        InvalidInputError
            If a file cannot be written or a PNG file would have more than 1.5e8 pixels, or LaTeX fails.
        StoreError
            If there is a file of the same name that binland did not draw.
        """
        dpi = self.dpi or matplotlib.rcParams["savefig.dpi"]
        dpi = figure.dpi if dpi == "figure" else dpi
        pixels = float(np.prod(figure.get_size_inches() * dpi))
        if "png" in self.formats and pixels > MOST_PIXELS:
            raise InvalidInputError(f"{name}.png would have {pixels:.2g} pixels; choose a smaller dpi or width")
        targets = [folder / f"{name}.{kind}" for kind in self.formats]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for target, kind in zip(targets, self.formats, strict=True):
                write(figure, target, kind, dpi, origin)
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{folder}: cannot be written ({why(error)}); choose another --out") from None
        except RuntimeError as error:  # of LaTeX, which prints pages
            raise InvalidInputError(
                f"{name}: LaTeX cannot set its text ({_objection(error)}); leave latex out"
            ) from None
        return targets


def _objection(error: RuntimeError) -> str:
    """What LaTeX objects to: of the pages that it prints, the line that begins with "!" and the place in the text."""
    lines = str(error).splitlines()
    said = [line.removeprefix("! ") for line in lines if line.startswith(("!", "l."))]
    return one_line(", ".join(said) or str(error), LONGEST)


def _between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def write(figure: Figure, target: Path, kind: str, dpi: float, origin: dict[str, str]) -> None:
    """Write a figure in one step, with metadata about its origin."""
    check_ours(target)
    with new_version(target) as part, any_letters():
        figure.savefig(part, format=kind, dpi=dpi, metadata=metadata(origin, kind))
        os.replace(part, target)


def check_ours(target: Path) -> None:
    """Raise StoreError if there is a file that binland did not draw, which must not be replaced."""
    if os.path.lexists(target) and (not target.is_file() or source(target) is None):
        raise StoreError(f"{target}: is there already and no figure of binland; choose another --out")
