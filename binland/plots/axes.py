"""Axes of the user, and the colours that come next in them."""

from typing import TYPE_CHECKING

from binland.extras import needed_by

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def current(ax: "Axes | None") -> "Axes":
    """Given axes of matplotlib, or the current ones of pyplot."""
    if ax is not None:
        return ax
    with needed_by("drawing", "plot"):
        from matplotlib import pyplot
    return pyplot.gca()


def next_color(axes: "Axes") -> str:
    """The next colour of the cycle of matplotlib, as "#RRGGBB"."""
    from matplotlib.colors import to_hex

    (line,) = axes.plot([], [])
    line.remove()
    return to_hex(line.get_color())
