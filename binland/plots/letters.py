"""Texts for matplotlib: formulas between dollar signs, characters that a font lacks, line breaks."""

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

from binland.plots.formulas import MATHEMATICS, command

FILLED = 0.9  # share of the width that lines are made for, since some have wider letters than the average
LONGEST = 100  # letters of mathematics in one line
GLUE = "\ue000"  # instead of spaces where lines do not end: in mathematics, in "N = 1001", before "(%)"
WORDS = re.compile(r"\\text\{([^{}]*)\}")  # words in a formula
SPECIAL = {  # characters that LaTeX takes for something else, or sets as another one
    **{letter: rf"\{letter}" for letter in "#%&_{}$"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": "{-}",  # two of them would be a dash
}


def written(text: str) -> str:
    """A text for matplotlib: between dollar signs a formula if matplotlib can draw it, otherwise plain text."""
    return "\n".join(map(_written, text.split("\n")))


def _written(text: str) -> str:
    if rcParams["text.usetex"]:
        return _for_latex(text)
    return text if "$" not in text or is_mathematics(text) else text.replace("$", r"\$")


@lru_cache(maxsize=1024)
def is_mathematics(text: str) -> bool:
    """Whether matplotlib can draw all that is between dollar signs as formulas."""
    if "$" in MATHEMATICS.sub("", text) or r"\$" in text:
        return False
    try:
        with any_letters():
            MathTextParser("path").parse(text)
    except (ValueError, RuntimeError):
        return False
    return True


def _for_latex(text: str) -> str:
    """A text for LaTeX: formulas as they are, special characters elsewhere escaped, Greek letters as commands."""
    parts = text.split("$") if is_mathematics(text) and not _dangerous(text) else [text]
    return "$".join((_formula if k % 2 else _text)(part) for k, part in enumerate(parts))


def _dangerous(text: str) -> bool:
    r"""Whether TeX would read commands where matplotlib reads letters: ^^5c is a backslash, \text may hold anything."""
    return "^^" in text or r"\text" in WORDS.sub("", text)


def _formula(text: str) -> str:
    """A formula for LaTeX, with the words in it escaped."""
    return "".join(rf"\mbox{{{_text(part)}}}" if k % 2 else _symbols(part) for k, part in enumerate(WORDS.split(text)))


def _symbols(text: str) -> str:
    return "".join(f"{command(letter)} " if command(letter) else letter for letter in text)


def _text(text: str) -> str:
    return "".join(f"${command(c)}$" if command(c) else SPECIAL.get(c, c) for c in text)


@contextmanager
def any_letters() -> Iterator[None]:
    """Without warnings about characters that the font lacks, which are drawn as boxes; a context manager."""
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
    """Break a text into lines of a width in inches, beside the lines that it has.

    size: of the letters in points, by default that of the style.
    """
    return "\n".join(_wrapped(line, inches, size) for line in text.split("\n"))


def _wrapped(text: str, inches: float, size: float | None) -> str:
    if not text:
        return text
    with any_letters():
        width = TextPath((0, 0), text.replace("$", ""), size=size or rcParams["font.size"]).get_extents().width / 72
    letters = max(1, int(FILLED * len(text) * inches / max(width, 1e-9)))
    if len(text) <= letters:
        return text
    longest = max((len(match[0]) for match in MATHEMATICS.finditer(text)), default=0)
    letters = max(letters, min(longest, LONGEST))
    whole = MATHEMATICS.sub(lambda match: match[0].replace(" ", GLUE), text)
    for together in (r"\S+ = \S+", r"\S+ \(%\)"):
        whole = re.sub(together, lambda match: match[0].replace(" ", GLUE if len(match[0]) <= letters else " "), whole)
    return textwrap.fill(whole, letters, break_on_hyphens=False).replace(GLUE, " ")
