"""Draw single results, or single panels of a file of results, into any axes of matplotlib."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from binland.checks import true_or_false
from binland.errors import InvalidInputError, one_line
from binland.extras import needed_by
from binland.plots.axes import current, next_color
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
        A result of `bl.shortest_path`, `bl.optimized_path`, `bl.expected_path`, `bl.barrier`, `db.path`, ...
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    label : str, default ""
        Name of the curve in a legend.
    **look
        Fields of `binland.plots.Look`: color, by default the next one of matplotlib's cycle, marker, line, alpha,
        width, size, hollow.

    Returns
    -------
    list of matplotlib.artist.Artist
        The curve.

    Raises
    ------
    InvalidInputError
        If `path` has no errors along a path, `ax` are no axes, or a field of the look or the label is not allowed.

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
    x, axes = _places(path, len(errors)), current(ax)
    curve = Curve(x, PERCENT * floats(errors), look=_look(look, axes), name=_text(label))
    return Panel("path", Axis("place on the path"), Axis("train error (%)"), [curve]).draw(axes)


def _look(given: dict[str, Any], axes: "Axes") -> Look:
    """A look of some of its fields, in the next colour of the axes; raises InvalidInputError on other fields."""
    known = [field.name for field in fields(Look)]
    for name in given.keys() - {*known}:
        raise InvalidInputError(f"{name} is no field of a look: give some of {', '.join(known)}")
    return Look(**given) if "color" in given else Look(**given, color=next_color(axes))


def _text(given: object) -> str:
    """A text for a legend; raises InvalidInputError on anything else."""
    if not isinstance(given, str):
        raise InvalidInputError(f"label={given!r}: give a text")
    return given


def _places(path: Any, count: int) -> Any:
    """Places (T,) between 0 and 1 at which errors are known; on a path with a bend, shares of its whole length."""
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
        A result of `bl.local_energy` or `db.local_energy`. Error bars are the standard deviation over its realisations;
        a closed form has none.
    ax, label, **look
        As in `plot_path`.

    Returns
    -------
    list of matplotlib.artist.Artist
        Curve and error bars.

    Raises
    ------
    InvalidInputError
        If `energy` is no local energy, `ax` are no axes, or a field of the look or the label is not allowed.

    Examples
    --------
    >>> import binland as bl
    >>> from matplotlib.figure import Figure
    >>> machine, train = bl.Perceptron(51), bl.Patterns.random(30, 51, seed=0)
    >>> solution = bl.fit(machine, train, bl.SGD(epochs=20), seed=0)
    >>> ax = Figure().subplots()
    >>> artists = bl.plots.plot_local_energy(bl.local_energy(solution, train, [0.1, 0.2], seed=0), ax, label="SGD")
    >>> ax.get_xlabel()
    'flipped weights (%)'
    """
    if not hasattr(energy, "fractions") and not hasattr(energy, "sigmas"):
        raise InvalidInputError(f"{type(energy).__name__} is no local energy: give what local_energy returns")
    strengths = energy.fractions if hasattr(energy, "fractions") else energy.sigmas
    order = np.argsort(strengths)
    error = None if np.isnan(energy.std).all() else PERCENT * floats(energy.std)[order]
    unit, name = (PERCENT, "flipped weights (%)") if hasattr(energy, "fractions") else (1, "noise amplitude")
    x, y = unit * floats(strengths)[order], PERCENT * floats(energy.mean)[order]
    axes = current(ax)
    curve = Curve(x, y, error, None, _look({"marker": "o", **look}, axes), _text(label))
    label_y = "local energy: increase of the train error (%)"
    return Panel("local_energy", Axis(name), Axis(label_y), [curve]).draw(axes)


def plot_plane(plane: Any, ax: "Axes | None" = None, names: tuple[str, ...] = ("0", "1", "2")) -> "list[Artist]":
    """Draw the train errors in the plane through three solutions, as filled contours.

    Parameters
    ----------
    plane : Plane
        A result of `bl.plane` or `db.plane`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    names : tuple of 3 str, default ("0", "1", "2")
        Texts at the three solutions.

    Returns
    -------
    list of matplotlib.artist.Artist
        The contours, from which `figure.colorbar` makes a colour bar, and the texts.

    Raises
    ------
    InvalidInputError
        If `plane` is no plane, `ax` are no axes, or there is not one name for each solution.

    Examples
    --------
    >>> import binland as bl
    >>> from matplotlib.figure import Figure
    >>> machine, train = bl.Perceptron(51), bl.Patterns.random(30, 51, seed=0)
    >>> solutions = [bl.fit(machine, train, bl.SGD(epochs=20), seed=k) for k in range(3)]
    >>> figure = Figure()
    >>> contours, *texts = bl.plots.plot_plane(bl.plane(*solutions, train, points=5), figure.subplots())
    >>> bar = figure.colorbar(contours, label="train error (%)")
    """
    if not hasattr(plane, "corners"):
        raise InvalidInputError(f"{type(plane).__name__} is no plane: give what plane returns")
    if len(names) != len(plane.corners):
        raise InvalidInputError(f"names={names!r}: give one for each of the {len(plane.corners)} solutions")
    points = [(_text(name), float(x), float(y)) for name, (x, y) in zip(names, plane.corners, strict=True)]
    contours = Contours(plane.x, plane.y, PERCENT * floats(plane.errors), points)
    axes = Axis(f"along {names[0]} to {names[1]} (latent units)"), Axis("perpendicular (latent units)")
    return Panel("plane", *axes, [contours], equal=True).draw(ax)


def panels(path: str | Path, theory: bool = False) -> dict[str, Panel]:
    """Make all panels of a file of results, to draw some of them.

    Parameters
    ----------
    path : str or pathlib.Path
        HDF5 file of a sweep, finished or not.
    theory : bool, default False
        Whether to add curves of theory and closed forms.

    Returns
    -------
    dict of str to Panel
        Panels by name: "test_error", "barrier", ... ``.draw(ax)`` draws a panel, and ``.table()`` returns everything
        that it shows as a pandas.DataFrame. A panel at one point of the grid has a name that ends with the point, such
        as "paths_n_inputs_1001".

    Raises
    ------
    StoreError
        If the file is missing, not a file of binland's results, or without a finished task.

    Examples
    --------
    >>> import binland as bl
    >>> panels = bl.plots.panels("fig6.h5")  # doctest: +SKIP
    >>> panels["barrier"].table().to_csv("barrier.csv")  # doctest: +SKIP
    """
    with needed_by("binland.plots.panels", "plot"):
        from binland.plots.charts import charts_of, panels_of
        from binland.plots.results import read
    results = read(path, true_or_false("theory", theory))
    return {name: panel for name, (_, panel) in panels_of(results, charts_of(results)).items()}


def plot_panel(path: str | Path, name: str, ax: "Axes | None" = None, theory: bool = False) -> "list[Artist]":
    """Draw one panel of a file of results.

    Parameters
    ----------
    path : str or pathlib.Path
        HDF5 file of a sweep, finished or not.
    name : str
        Name of the panel, for example "barrier"; ``list(binland.plots.panels(path))`` has all of them.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    theory : bool, default False
        Whether to add curves of theory and closed forms.

    Returns
    -------
    list of matplotlib.artist.Artist
        Curves with their error bars. They have names, so that `ax.legend()` works (matplotlib
        leaves out names that begin with "_").

    Raises
    ------
    InvalidInputError
        If the file has no such panel.
    StoreError
        If the file is missing, not a file of binland's results, or without a finished task.

    Examples
    --------
    >>> import binland as bl
    >>> import matplotlib.pyplot as plt
    >>> figure, (left, right) = plt.subplots(1, 2)  # doctest: +SKIP
    >>> bl.plots.plot_panel("fig6.h5", "test_error", left)  # doctest: +SKIP
    >>> bl.plots.plot_panel("fig6.h5", "barrier", right)  # doctest: +SKIP
    """
    known = panels(path, theory)
    if name not in known:
        raise InvalidInputError(f"no panel {one_line(repr(name), 80)} in {path}: choose one of {', '.join(known)}")
    return known[name].draw(ax)
