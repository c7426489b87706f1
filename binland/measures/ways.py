"""Names and looks of the kinds of paths that `[measure.curves]` has, such as "bezier, linear-aligned, coordinate"."""

from dataclasses import replace
from typing import Any, NamedTuple

from binland.plots.chart import Entry, LineStyle, Look

PATHS = {
    "line": ("line", Look("#0072B2", "o")),
    "bezier": ("Bezier curve", Look("#D55E00", "s")),
    "autoneb": ("AutoNEB", Look("#009E73", "D")),
    "polygon": ("polygon", Look("#E69F00", "v")),
    "star": ("one bend", Look("#CC5C99", "^")),
}
RAW = "linear"
SHAPES = {RAW: "raw", "linear-aligned": "aligned", "geodesic-aligned": "normalised, aligned"}
METHODS = {"": "layer by layer", "coordinate": "coordinate descent", "activations": "activations"}
SMALLEST = 0.5  # size of markers
MOST = 10  # kinds in a legend one by one


class Kind(NamedTuple):
    """A kind of path: its label in the file, its name and the preparation of its ends in words, its look."""

    label: str
    name: str
    ends: str
    look: Look


def kinds_of(results: Any) -> list[Kind]:
    """Kinds of paths in a file: the path has a colour and marker, the preparation of its ends a line.

    Between raw ends lines are dotted and markers hollow, as everywhere; between aligned ones both are full. Where ends
    are aligned in several ways, the next ones have other lines and smaller markers.
    """
    labels = [str(label) for label in results.data["curve"].to_numpy()]
    ends = list(dict.fromkeys(label.partition(", ")[2] for label in labels))
    aligned = [one for one in ends if one != RAW]
    several = len({one.partition(", ")[2] for one in aligned}) > 1
    return [_kind(label, aligned, several) for label in labels]


def _kind(label: str, aligned: list[str], several: bool) -> Kind:
    """A kind of path. aligned: all ways in which ends are; several: whether methods of alignment have to be told."""
    path, _, ends = label.partition(", ")
    shape, _, method = ends.partition(", ")
    name, look = PATHS[path]
    words = SHAPES[shape] + (f" ({METHODS[method]})" if several and shape != RAW else "")
    return Kind(label, f"{name}, {words}", words, _prepared(look, None if shape == RAW else aligned.index(ends)))


def _prepared(look: Look, place: int | None) -> Look:
    """The look of a path between raw ends (None), or between ends aligned in the way of this place."""
    from binland.plots import style

    if place is None:
        return replace(look, line=style.RAW, hollow=True)
    return replace(look, line=style.LINES[place % len(style.LINES)], size=max(SMALLEST, 1 - 0.2 * place))


def entries_of(results: Any, line: LineStyle | None = None) -> list[Entry]:
    """Lines of the legend: of all kinds, or of many the paths, then the preparations of the ends.

    line: another line for all of them, "" for markers alone.
    """
    kinds = kinds_of(results)
    entries = [Entry(kind.name, kind.look) for kind in kinds]
    if len(kinds) > MOST:
        paths = dict.fromkeys(kind.label.partition(", ")[0] for kind in kinds)
        ends = {kind.ends: replace(kind.look, color="black", marker="o") for kind in kinds}
        entries = [Entry(*PATHS[path]) for path in paths] + [Entry(words, look) for words, look in ends.items()]
    return [Entry(one.name, one.look if line is None else replace(one.look, line=line)) for one in entries]
