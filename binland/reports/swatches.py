"""Small SVG pictures of lines and markers for the legend of a page."""

import math
from html import escape

from binland.plots.chart import Entry, Look, Span
from binland.reports.traces import WIDTH, dash

WIDE, HIGH, RADIUS = 44, 16, 5.0
CORNERS: dict[str, tuple[int, float]] = {  # number of corners, and angle of the first one in degrees
    "^": (3, -90), "v": (3, 90), ">": (3, 0), "<": (3, 180), "s": (4, 45), "D": (4, 0), "d": (4, 0), "p": (5, -90),
    "h": (6, -90), "H": (6, 0), "8": (8, 22.5),
}  # fmt: skip
DASHES = {"dash": "7,5", "dashdot": "7,4,2,4", "dot": "2,3"}


def swatch(entry: Entry | Span) -> str:
    """The SVG picture of a legend entry: a line with its marker in the middle, or a shaded box for a span."""
    look = entry.look
    if isinstance(entry, Span):
        return _svg(f'<rect x="2" y="2" width="{WIDE - 4}" height="{HIGH - 4}" opacity="{look.alpha:g}"/>')
    return _svg(_line(look) + _marker(look))


def _svg(inside: str) -> str:
    return f'<svg class="swatch" width="{WIDE}" height="{HIGH}" aria-hidden="true">{inside}</svg>'


def _line(look: Look) -> str:
    if not look.line:
        return ""
    style = dash(look.line)
    dashes = "" if style == "solid" else f' stroke-dasharray="{DASHES.get(style, style.replace("px", ""))}"'
    what = f'stroke="{escape(look.color)}" stroke-width="{WIDTH * look.width:g}" opacity="{look.alpha:g}"{dashes}'
    return f'<line x1="2" y1="{HIGH / 2}" x2="{WIDE - 2}" y2="{HIGH / 2}" {what}/>'


def _marker(look: Look) -> str:
    if not look.marker:
        return ""
    fill = "white" if look.hollow else escape(look.color)
    what = f'fill="{fill}" stroke="{escape(look.color)}" stroke-width="1.5" opacity="{look.alpha:g}"'
    if look.marker in CORNERS:
        return f'<polygon points="{_polygon(*CORNERS[look.marker])}" {what}/>'
    if look.marker in ("x", "X", "P", "+", "*", "_"):
        return f'<path d="{_cross(look.marker)}" {what}/>'
    return f'<circle cx="{WIDE / 2}" cy="{HIGH / 2}" r="{RADIUS - 0.5}" {what}/>'


def _polygon(corners: int, turn: float) -> str:
    angles = [math.radians(turn + 360 * k / corners) for k in range(corners)]
    return " ".join(f"{WIDE / 2 + RADIUS * math.cos(a):.1f},{HIGH / 2 + RADIUS * math.sin(a):.1f}" for a in angles)


def _cross(marker: str) -> str:
    """The SVG path of markers that consist of lines through the middle."""
    turns = {"x": (45, 135), "X": (45, 135), "P": (0, 90), "+": (0, 90), "*": (0, 60, 120), "_": (0,)}[marker]
    ends = [(RADIUS * math.cos(math.radians(a)), RADIUS * math.sin(math.radians(a))) for a in turns]
    x, y = WIDE / 2, HIGH / 2
    return " ".join(f"M{x - dx:.1f},{y - dy:.1f}L{x + dx:.1f},{y + dy:.1f}" for dx, dy in ends)
