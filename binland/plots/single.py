"""Single results in the user's own axes: paths, barriers, local energies, planes; and panels of result files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from binland.checks import true_or_false
from binland.errors import InvalidInputError, one_line
from binland.extras import needed_by
from binland.plots.chart import Axis, Contours, Curve, Look, Panel, floats

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PERCENT = 100


def plot_path(path: Any, ax: "Axes | None" = None, label: str = "", **look: Any) -> "list[Artist]":
    """Draw the train errors along a path.

    Parameters
    ----------
    path : Path, BentPath, ExpectedPath, Barrier or a path of a continuous network
        What `bl.shortest_path`, `bl.optimized_path`, `bl.expected_path`, `bl.barrier`, `db.path`, ... give.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    label : str
        What a legend calls the curve.
    **look
        Fields of `binland.plots.Look`: color, marker, line, alpha, width, size, hollow.

    Returns
    -------
    list of matplotlib.artist.Artist
        The curve.

    Raises
    ------
    InvalidInputError
        If `path` has no errors along it.

    Examples
    --------
    >>> import binland as bl
    >>> machine, train = bl.Perceptron(51), bl.Patterns.random(30, 51, seed=0)
    >>> a, b = (bl.fit(machine, train, bl.SGD(epochs=20), seed=k) for k in (0, 1))
    >>> (line,) = bl.plots.plot_path(bl.shortest_path(a, b, train, seed=0), label="random order")
    """
    errors = path.profile if hasattr(path, "profile") else getattr(path, "errors", None)
    if errors is None or np.ndim(errors) != 1:
        raise InvalidInputError(
            f"{type(path).__name__} has no errors along a path: give what shortest_path or path return"
        )
    x = _places(path, len(errors))
    curve = Curve(x, PERCENT * floats(errors), look=Look(**look), name=label)
    panel = Panel("path", Axis("place on the path"), Axis("train error (%)"), [curve])
    return panel.draw(ax)


def _places(path: Any, count: int) -> Any:
    """(T,) places between 0 and 1 at which errors are known, of paths with a bend in units of both legs' lengths."""
    if hasattr(path, "midpoint"):
        legs = [(leg.length / max(path.length, 1e-300), leg) for leg in (path.first, path.second)]
        first, second = (share * _places(leg, len(leg.errors)) for share, leg in legs)
        return np.concatenate([first, legs[0][0] + second[1:]])
    if getattr(path, "ts", None) is not None:
        return floats(path.ts)
    steps = getattr(path, "steps", None)
    if steps is None:
        return np.linspace(0, 1, count)
    return floats(steps) / max(float(steps[-1]), 1.0)


def plot_local_energy(energy: Any, ax: "Axes | None" = None, label: str = "", **look: Any) -> "list[Artist]":
    """Draw a local energy against the fraction of flipped weights.

    Parameters
    ----------
    energy : LocalEnergy
        What `bl.local_energy` or `db.local_energy` gives. Error bars are the standard deviation over its realisations;
        there are none of a closed form.
    ax, label, **look
        As of `plot_path`.

    Returns
    -------
    list of matplotlib.artist.Artist
        Curve and error bars.
    """
    strengths = energy.fractions if hasattr(energy, "fractions") else energy.sigmas
    order = np.argsort(strengths)
    error = None if np.isnan(energy.std).all() else PERCENT * floats(energy.std)[order]
    unit, name = (PERCENT, "flipped weights (%)") if hasattr(energy, "fractions") else (1, "noise amplitude")
    shown = Look(**{"marker": "o", **look})
    curve = Curve(unit * floats(strengths)[order], PERCENT * floats(energy.mean)[order], error, None, shown, label)
    label_y = "local energy: increase of the train error (%)"
    return Panel("local_energy", Axis(name), Axis(label_y), [curve]).draw(ax)


def plot_plane(plane: Any, ax: "Axes | None" = None, names: tuple[str, ...] = ("0", "1", "2")) -> "list[Artist]":
    """Draw the train errors in the plane through three solutions, as filled contours.

    Parameters
    ----------
    plane : Plane
        What `bl.plane` or `db.plane` gives.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    names : tuple of 3 str
        What the three solutions are called.

    Returns
    -------
    list of matplotlib.artist.Artist
        The contours, for `figure.colorbar`, and the texts.
    """
    points = [(name, float(x), float(y)) for name, (x, y) in zip(names, plane.corners, strict=True)]
    contours = Contours(plane.x, plane.y, PERCENT * floats(plane.errors), points)
    axes = Axis("along 0 to 1 (latent units)"), Axis("perpendicular (latent units)")
    return Panel("plane", *axes, [contours], equal=True).draw(ax)


def panels(path: str | Path, theory: bool = False) -> dict[str, Panel]:
    """The panels of a result file by their names, to be drawn one by one.

    Parameters
    ----------
    path : str or path
        The HDF5 file of a sweep, finished or not.
    theory : bool
        Lay curves of theory and closed forms over what was measured.

    Returns
    -------
    dict of str to Panel
        "test_error", "barrier", ... A panel draws itself with `.draw(ax)`, and `.table()` is a pandas.DataFrame of all
        that it shows. Of panels at a point of the grid the name ends with the point: "paths_n_inputs_1001".

    Raises
    ------
    StoreError
        If the file is missing, foreign or holds no finished task yet.
    """
    with needed_by("binland.plots.panels", "plot"):
        from binland.plots.charts import charts_of, panels_of
        from binland.plots.results import read
    results = read(path, true_or_false("theory", theory))
    return {name: panel for name, (_, panel) in panels_of(results, charts_of(results)).items()}


def plot_panel(path: str | Path, name: str, ax: "Axes | None" = None, theory: bool = False) -> "list[Artist]":
    """Draw one panel of a result file.

    Parameters
    ----------
    path : str or path
        The HDF5 file of a sweep, finished or not.
    name : str
        Which panel, for example "barrier"; `binland.plots.panels(path)` has all of them.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    theory : bool
        Lay curves of theory and closed forms over what was measured.

    Returns
    -------
    list of matplotlib.artist.Artist
        Curves with their error bars. They have labels, so that `ax.legend()` works.

    Raises
    ------
    InvalidInputError
        If the file has no such panel.
    StoreError
        If the file is missing, foreign or holds no finished task yet.
    """
    known = panels(path, theory)
    if name not in known:
        raise InvalidInputError(f"no panel {one_line(repr(name), 80)} in {path}: choose one of {', '.join(known)}")
    return known[name].draw(ax)
