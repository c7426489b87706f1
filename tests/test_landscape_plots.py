"""Drawing of surfaces and paths: what is drawn is what results hold. Results are made by hand, without torch."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from binland.errors import InvalidInputError
from binland.plots import plot_landscape_path, plot_surface
from binland.plots.landscapes import _round_numbers


def marks(coordinates, relative):
    places = np.array(coordinates, float)
    return SimpleNamespace(coordinates=places, relative=np.array(relative), distances=np.array(relative))


def plane(losses=None, trajectory=None, kind="directions", **more):
    x, y = np.linspace(-1, 1, 5), np.linspace(-2, 2, 7)
    losses = x**2 + y[:, None] ** 2 if losses is None else losses
    solutions = marks([[0, 0], [0.5, 1.0], [3.0, 0.0]], [0, 0.25, 0.5])
    made = {"losses": losses, "errors": losses / 10, "test_losses": None, "test_errors": None, **more}
    return SimpleNamespace(x=x, y=y, solutions=solutions, trajectory=trajectory, kind=kind, **made)


def line(test=True):
    x = np.linspace(-1, 1, 5)
    made = {"losses": 1 + x**2, "errors": x**2 / 2, "test_losses": 2 + x**2 if test else None, "test_errors": None}
    return SimpleNamespace(x=x, y=None, solutions=marks([[0.0], [0.5], [9.0]], [0, 0, 0.999]), trajectory=None, **made)


def path(kind="autoneb", high=2.0):
    ts = np.linspace(0, 1, 5)
    losses = np.array([0, 1, high, 1, 0.5])
    return SimpleNamespace(ts=ts, losses=losses, errors=losses / 10, test_losses=None, test_errors=None, kind=kind)


def test_contours_cover_the_grid_and_the_bar_has_a_label():
    figure = Figure()
    axes = figure.subplots()
    filled, *texts = plot_surface(plane(), axes, names=["a", "b", "c"])
    assert [text.get_text() for text in texts] == ["a", "b"], "the third one is beyond the grid"
    assert texts[1].get_position() == (0.5, 1.0)
    assert filled.levels[0] <= 0 < 5 <= filled.levels[-1]
    assert (axes.get_xlim(), axes.get_ylim()) == ((-1, 1), (-2, 2))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("direction 1", "direction 2")
    assert figure.axes[1].get_ylabel() == "train loss (nat)"
    assert axes.get_title() == "solutions up to 50 % outside of the plane"


def test_errors_are_drawn_in_percent():
    figure = Figure()
    filled, *_ = plot_surface(plane(), figure.subplots(), "errors")
    assert filled.levels[-1] >= 50
    assert figure.axes[1].get_ylabel() == "train error (%)"


def test_a_trajectory_is_a_line_with_its_projection_error():
    axes = Figure().subplots()
    places = [[5, 5], [0.2, 0.3], [0, 0]]
    plot_surface(plane(trajectory=marks(places, [0.371, 0.1, 0])), axes)
    (drawn,) = axes.lines
    assert drawn.get_xydata().tolist() == places
    assert axes.get_title().replace("\n", " ").endswith("; trajectory up to 37 % outside of the plane")
    assert axes.get_xlim() == (-1, 1)


def test_logarithmic_colours_have_ticks_of_the_values():
    figure = Figure()
    losses = 10.0 ** np.linspace(-3, 4, 35).reshape(7, 5)
    losses[0, 0], losses[1, 1], losses[2, 2] = 0.0, np.inf, np.nan
    filled, *_ = plot_surface(plane(losses), figure.subplots(), logarithmic=True)
    assert filled.levels[0] <= -3 + 7 / 34 + 1e-9
    assert filled.levels[-1] >= 4
    assert figure.axes[1].yaxis.get_major_formatter()(2, 0) == "100"


def test_planes_through_solutions_have_equal_axes():
    axes = Figure().subplots()
    plot_surface(plane(kind="plane"), axes)
    assert axes.get_aspect() == 1
    assert axes.get_xlabel() == "along 0 to 1"
    plot_surface(plane(kind="plane"), axes, names=("a", "b", "c"))
    assert axes.get_xlabel() == "along a to b"


def test_losses_of_a_function_have_no_unit():
    figure = Figure()
    plot_surface(plane(errors=None), figure.subplots())
    assert figure.axes[1].get_ylabel() == "train loss"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1e-3, 1e4, [1e-3, 1e-2, 0.1, 1, 10, 100, 1e3, 1e4]),
        (1e-12, 1e5, 10.0 ** np.arange(-12, 5, 2)),
        (0.05, 3, [0.1, 0.3, 1, 3]),
        (0.1, 2, [0.1, 0.2, 0.5, 1, 2]),
        (0.3, 0.36, [0.3, 0.315, 0.33, 0.345, 0.36]),
    ],
)
def test_ticks_of_logarithmic_colours_are_round(low, high, ticks):
    assert _round_numbers(low, high) == pytest.approx(ticks)
    figure = Figure()
    losses = np.geomspace(low, high, 35).reshape(7, 5)
    plot_surface(plane(losses), figure.subplots(), logarithmic=True)
    shown = 10 ** figure.axes[1].get_yticks()
    assert len(shown) >= 3
    assert np.isclose(shown, [float(f"{value:.3g}") for value in shown], rtol=1e-12).all(), "no digit is lost"


def test_along_a_line_train_and_test_are_curves():
    axes = Figure().subplots()
    train, test, rule = plot_surface(line(), axes)
    assert np.array_equal(train.get_ydata(), line().losses)
    assert np.array_equal(test.get_ydata(), line().test_losses)
    assert train.get_linestyle() != test.get_linestyle()
    assert train.get_color() != test.get_color()
    assert rule.get_xdata()[0] == 0.5
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train loss", "test loss", "1"]
    assert axes.get_ylabel() == "loss (nat)"
    assert axes.get_title() == "solutions up to 100 % outside of the line"
    axes = Figure().subplots()
    curve, _ = plot_surface(line(test=False), axes, "errors", logarithmic=True)
    assert curve.get_ydata().tolist() == [50, 12.5, 12.5, 12.5, 50]
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "train error (%)"


def test_several_paths_in_one_panel():
    axes = Figure().subplots()
    curves = plot_landscape_path({"straight": path("line", 5), "band": path()}, axes)
    assert [curve.get_label() for curve in curves] == ["straight", "band"]
    assert curves[0].get_ydata().tolist() == path("line", 5).losses.tolist()
    assert curves[0].get_xdata().tolist() == path().ts.tolist()
    assert len({curve.get_color() for curve in curves}) == len({curve.get_linestyle() for curve in curves}) == 2
    assert axes.get_legend() is not None
    axes = Figure().subplots()
    (curve,) = plot_landscape_path(path(), axes, "errors")
    assert curve.get_ydata() == pytest.approx(100 * path().errors)
    assert axes.get_legend() is None
    assert [curve.get_label() for curve in plot_landscape_path([path("line"), path()], axes)] == ["line", "autoneb"]


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda axes: plot_surface(3, axes), "int is no surface"),
        (lambda axes: plot_surface(plane(), axes, "loss"), "values='loss' is not one of"),
        (lambda axes: plot_surface(plane(), axes, "test_errors"), "has only losses, errors"),
        (lambda axes: plot_surface(plane(), axes, names="abc"), "one text for each of the 3 solutions"),
        (lambda axes: plot_surface(plane(), axes, names=["a"]), "one text for each of the 3 solutions"),
        (lambda axes: plot_surface(plane(), axes, logarithmic=1), "logarithmic=1 is not true or false"),
        (lambda axes: plot_surface(plane(np.zeros((7, 5))), axes, logarithmic=True), "no value is positive"),
        (lambda axes: plot_surface(plane(np.full((7, 5), np.nan)), axes), "no train loss is a finite number"),
        (lambda axes: plot_surface(plane(), 3), "ax=3: give axes of matplotlib"),
        (lambda axes: plot_landscape_path(3, axes), "3: give a path"),
        (lambda axes: plot_landscape_path([], axes), "give a path"),
        (lambda axes: plot_landscape_path(plane(), axes), "give a path"),
        (lambda axes: plot_landscape_path(path(), axes, "test_losses"), "has only losses, errors"),
        (lambda axes: plot_landscape_path(path(), axes, "x"), "values='x' is not one of"),
    ],
)
def test_bad_arguments_of_drawing_are_one_line(draw, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        draw(Figure().subplots())
    assert "\n" not in str(caught.value)


def test_equal_values_are_drawn(tmp_path):
    figure = Figure()
    plot_surface(plane(np.ones((7, 5))), figure.subplots())
    figure.savefig(tmp_path / "flat.png")
