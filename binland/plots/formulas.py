"""Formulas between dollar signs in titles and labels: what is one, and how it reads without mathematics."""

import re
import unicodedata

MATHEMATICS = re.compile(r"\$(?=[^\s$])[^$]*(?<=[^\s$])\$(?!\d)")  # rules of pandoc: "$5 and $6" is no formula
BRACES = str.maketrans("", "", "{}")
GREEK = (
    "alpha", "beta", "gamma", "delta", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho",
    "sigma", "tau", "upsilon", "chi", "psi", "omega",
    "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
)  # fmt: skip


def _greek(name: str) -> str:
    """A Greek letter by its name in LaTeX; Unicode says "lamda"."""
    size = "SMALL" if name.islower() else "CAPITAL"
    return unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


SIGNS = {name: _greek(name) for name in GREEK} | {  # what a command of LaTeX shows
    "varepsilon": "\u03b5", "epsilon": "\u03f5", "varphi": "\u03c6", "phi": "\u03d5", "vartheta": "\u03d1",
    "varrho": "\u03f1", "varsigma": "\u03c2", "times": "\u00d7", "cdot": "\u00b7", "pm": "\u00b1", "infty": "\u221e",
    "leq": "\u2264", "le": "\u2264", "geq": "\u2265", "ge": "\u2265", "neq": "\u2260", "ne": "\u2260",
    "approx": "\u2248", "sim": "\u223c", "propto": "\u221d", "equiv": "\u2261", "ll": "\u226a", "gg": "\u226b",
    "to": "\u2192", "rightarrow": "\u2192", "Rightarrow": "\u21d2", "sum": "\u2211", "partial": "\u2202",
    "in": "\u2208", "ell": "\u2113",
}  # fmt: skip
COMMANDS = {sign: rf"\{name}" for name, sign in reversed(SIGNS.items())}
# Greek letters that look like Latin ones have no commands.
LOOK_ALIKES = {"Alpha": "A", "Beta": "B", "Epsilon": "E", "Zeta": "Z", "Eta": "H", "Iota": "I", "Kappa": "K", "Mu": "M"}
LOOK_ALIKES |= {"Nu": "N", "Omicron": "O", "Rho": "P", "Tau": "T", "Chi": "X", "omicron": "o"}
LATIN = {_greek(name): latin for name, latin in LOOK_ALIKES.items()}


def in_unicode(text: str) -> str:
    """A text for pages that show no formulas: Greek letters and signs as such, braces and other commands left out."""
    return MATHEMATICS.sub(lambda formula: re.sub(r"\\([A-Za-z]+)", _letter, formula[0][1:-1]).translate(BRACES), text)


def _letter(command: re.Match[str]) -> str:
    """A command of LaTeX as a letter or a sign; "" for others, such as mathrm."""
    return SIGNS.get(command[1], "")


def command(letter: str) -> str:
    """A Greek letter or a sign as a command of LaTeX, for example "\\sigma"; "" for all other characters."""
    return COMMANDS.get(letter, LATIN.get(letter, ""))
