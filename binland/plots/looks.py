"""Translate a `Look` into arguments of matplotlib."""

from typing import Any

from matplotlib import rcParams

from binland.plots.chart import Look


def in_matplotlib(look: Look, letters: float = 1.0, markers: bool = True) -> dict[str, Any]:
    """Keyword arguments of `Axes.plot` for a look. letters: factor of line width and marker size, below 1 in insets."""
    words: dict[str, Any] = {"color": look.color, "alpha": look.alpha, "linestyle": look.line or "none"}
    words["linewidth"] = look.width * rcParams["lines.linewidth"] * max(letters, 0.8)
    if markers and look.marker:
        words |= {"marker": look.marker, "markersize": look.size * letters * rcParams["lines.markersize"]}
        if look.hollow:
            words |= {"markerfacecolor": "white"}
    return words
