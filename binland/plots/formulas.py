"""Formulas between dollar signs in titles and labels: what is one, and how it reads without mathematics."""

import re
import unicodedata

MATHEMATICS = re.compile(r"\$(?=[^\s$])[^$]*(?<=[^\s$])\$(?!\d)")  # rules of pandoc: "$5 and $6" is no formula
SIGNS = {
    "times": "\u00d7",
    "cdot": "\u00b7",
    "pm": "\u00b1",
    "infty": "\u221e",
    "leq": "\u2264",
    "geq": "\u2265",
    "approx": "\u2248",
    "to": "\u2192",
}
GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)")
BRACES = str.maketrans("", "", "{}")


def in_unicode(text: str) -> str:
    """A text for pages that show no formulas: Greek letters and signs as such, braces and other commands left out."""
    return MATHEMATICS.sub(lambda formula: re.sub(r"\\([A-Za-z]+)", _letter, formula[0][1:-1]).translate(BRACES), text)


def _letter(command: re.Match[str]) -> str:
    """A command of LaTeX as a letter or a sign; "" for others, such as mathrm."""
    name = command[1]
    size = "SMALL" if name.islower() else "CAPITAL"
    try:
        return SIGNS.get(name) or unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}")
    except KeyError:
        return ""


def command(letter: str) -> str:
    """A Greek letter or a sign as a command of LaTeX, for example "\\sigma"; "" for all other characters."""
    match = GREEK.fullmatch(unicodedata.name(letter, ""))
    signs = [rf"\{name}" for name, sign in SIGNS.items() if sign == letter]
    return rf"\{match[2].lower() if match[1] == 'SMALL' else match[2].capitalize()}" if match else "".join(signs)
