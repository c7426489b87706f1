"""Axes of the user, and the colours that come next in them."""

from typing import TYPE_CHECKING

from binland.errors import InvalidInputError, shown
from binland.extras import needed_by

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def current(ax: "Axes | None") -> "Axes":
    """Given axes of matplotlib, or the current ones of pyplot; raises InvalidInputError if they are no axes."""
    if ax is None:
        with needed_by("drawing", "plot"):
            from matplotlib import pyplot
        return pyplot.gca()
    if not hasattr(ax, "errorbar"):
        raise InvalidInputError(f"ax={shown(ax)}: give axes of matplotlib, such as those of figure.subplots()")
    return ax


def next_color(axes: "Axes") -> str:
    """The next colour of the cycle of matplotlib, as "#RRGGBB"."""
    from matplotlib.colors import to_hex

    (line,) = axes.plot([], [])
    line.remove()
    return to_hex(line.get_color())
