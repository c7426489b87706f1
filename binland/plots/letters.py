"""Text in figures of matplotlib: mathematics between dollars, letters that a font lacks, lines that fit."""

import logging
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from matplotlib import rcParams
from matplotlib.mathtext import MathTextParser
from matplotlib.textpath import TextPath

FILLED = 0.9  # of the width that a text may take: its lines are not all of average width
MATHEMATICS = re.compile(r"\$(?=[^\s$])[^$]*(?<=[^\s$])\$(?!\d)")  # as in pandoc: "$5 and $6" is money
SPECIAL = str.maketrans({c: f"\\{c}" for c in "#%&_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"})


def written(text: str) -> str:
    """A text for matplotlib: what stands between two dollars is mathematics if it can be read as such, else plain."""
    return "\n".join(map(_written, text.split("\n")))


def _written(text: str) -> str:
    if rcParams["text.usetex"]:
        return _for_latex(text)
    return text if "$" not in text or is_mathematics(text) else text.replace("$", r"\$")


@lru_cache(maxsize=1024)
def is_mathematics(text: str) -> bool:
    """Whether what stands between dollars is mathematics that matplotlib can draw."""
    if "$" in MATHEMATICS.sub("", text) or r"\$" in text:
        return False
    try:
        with any_letters():
            MathTextParser("path").parse(text)
    except (ValueError, RuntimeError):
        return False
    return True


def _for_latex(text: str) -> str:
    """A text for LaTeX: between dollars as it is, special letters outside of them escaped."""
    if not is_mathematics(text):
        return _escaped(text)
    return "$".join(part if k % 2 else _escaped(part) for k, part in enumerate(text.split("$")))


def _escaped(text: str) -> str:
    return text.translate(SPECIAL | {ord("$"): r"\$", ord("^"): r"\textasciicircum{}"})


@contextmanager
def any_letters() -> Iterator[None]:
    """Letters that the font lacks are boxes, without a warning for each; font.family in a matplotlibrc may help."""
    logger = logging.getLogger("matplotlib.mathtext")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph", UserWarning)
            yield
    finally:
        logger.setLevel(level)


def wrapped(text: str, inches: float, size: float | None = None) -> str:
    """Text in lines of so many inches, of letters of so many points (default: of the style)."""
    if not text:
        return text
    with any_letters():
        width = TextPath((0, 0), text.replace("$", ""), size=size or rcParams["font.size"]).get_extents().width / 72
    letters = max(1, int(FILLED * len(text) * inches / max(width, 1e-9)))
    return textwrap.fill(text, letters, break_on_hyphens=False) if len(text) > letters else text
