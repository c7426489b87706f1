"""Styles, formats and metadata of figures, their tables, and drawing into axes of one's own."""

import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.plots import Page, Panel, panels, plot_local_energy, plot_panel, plot_path, plot_plane, plot_results
from binland.plots.chart import Axis, Chart, Curve, Headline, Look
from binland.plots.draw import draw_chart
from binland.plots.letters import is_mathematics, wrapped, written
from binland.plots.provenance import extended, result_file, source, source_of
from binland.sweep import registry
from binland.sweep.info import file_id
from tests.sweep.small import spec

MACHINE, TRAIN = bl.Perceptron(51), bl.Patterns.random(40, 51, seed=0)
THREE = [bl.fit(MACHINE, TRAIN, bl.SGD(epochs=5), seed=k) for k in range(3)]


@pytest.fixture
def axes():
    return Figure().subplots()


def test_a_figure_says_from_which_file_it_was_drawn(finished, tmp_path):
    for path in plot_results(finished, tmp_path, page=Page(formats=("png", "pdf", "svg")), only=["barrier"]):
        origin = source(path)
        assert origin["file"] == finished.name
        assert origin["file_id"] == file_id(finished)
        assert origin["figure"] == "_barrier"
        assert origin["version_binland"]
    assert result_file(path, origin) is None
    copy = tmp_path / "renamed.h5"
    copy.write_bytes(finished.read_bytes())
    assert result_file(path, origin) == copy.resolve()


def test_a_figure_of_a_file_that_was_extended_later_says_so(tmp_path):
    path = tmp_path / "a.h5"
    bl.run_sweep(spec(), path, progress=False)
    (figure,) = plot_results(path, tmp_path, page=Page(formats=("png",)), only=["barrier"])
    info = [sys.executable, "-m", "binland", "info", "--toml", str(figure)]
    assert subprocess.run(info, capture_output=True, text=True, check=True).stderr == ""
    larger = spec(grid={"disorder_samples": 3})
    bl.run_sweep(larger, path, progress=False, extend=True)
    told = subprocess.run(info, capture_output=True, text=True, check=True)
    assert "has been extended since" in told.stderr
    assert "disorder_samples = 3" in told.stdout


def test_what_is_installed_does_not_extend_a_file(finished, tmp_path, monkeypatch):
    """A default measure of a plug-in is not in the file, though the configuration that is shown names every one."""
    origin = source_of(finished, bl.Sweep.open(finished).settings)
    assert not extended(finished, origin)
    monkeypatch.setattr(registry, "measures", lambda: {"new": SimpleNamespace(by_default=True)})
    assert not extended(finished, origin)


def test_what_cannot_be_drawn_is_one_line(axes, finished):
    for draw in (plot_path, plot_local_energy, plot_plane):
        with pytest.raises(InvalidInputError, match=r"dict .*: give what"):
            draw({}, axes)
    for ax in (7, Figure()):
        with pytest.raises(InvalidInputError, match="give axes of matplotlib"):
            plot_panel(finished, "barrier", ax)


def test_a_single_size_has_one_tick(tmp_path, axes):
    bl.run_sweep(spec(grid={"n_inputs": [21]}), tmp_path / "a.h5", progress=False)
    plot_panel(tmp_path / "a.h5", "barrier", axes)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["21"]


def test_the_command_line_tells_it_too(finished, tmp_path):
    options = ["--panel", "barrier", "--format", "pdf", "--style", "paper", "--width", "86", "--no-title", "--csv"]
    run(["plot", str(finished), "--out", str(tmp_path), *options])
    text = run(["info", str(tmp_path / f"{finished.stem}_barrier.pdf")])
    assert f"file_id: {file_id(finished)}" in text
    figure = tmp_path / f"{finished.stem}_barrier.pdf"
    there = ["info", "--toml", str(figure)]
    refused = subprocess.run([sys.executable, "-m", "binland", *there], capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (2, "")
    shutil.copy(finished, tmp_path / "moved.h5")
    assert run(there) == run(["info", "--toml", str(finished)])
    other = tmp_path / "other.png"
    plt.imsave(other, np.zeros((2, 2)))
    done = subprocess.run([sys.executable, "-m", "binland", "info", str(other)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "says nothing about a result file" in done.stderr


def run(words):
    done = subprocess.run([sys.executable, "-m", "binland", *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_fonts_are_embedded_as_truetype_and_the_width_is_that_of_the_column(finished, tmp_path):
    page = Page(style="paper", formats=("pdf", "png"), width=86, title=False)
    pdf, png = plot_results(finished, tmp_path, page=page, only=["distance"])
    content = pdf.read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    box = [float(number) for number in re.search(rb"/MediaBox \[ *([\d. ]+)\]", content)[1].split()]
    assert box[2] == pytest.approx(86 / 25.4 * 72, abs=0.01)
    assert imread(png).shape[1] == int(86 / 25.4 * 600)


def test_dots_per_inch_and_title(finished, tmp_path):
    (low,) = plot_results(finished, tmp_path / "a", page=Page(formats=("png",), dpi=50), only=["barrier"])
    (high,) = plot_results(finished, tmp_path / "b", page=Page(formats=("png",), dpi=100), only=["barrier"])
    assert imread(high).shape[1] == 2 * imread(low).shape[1]
    (bare,) = plot_results(finished, tmp_path / "c", page=Page(formats=("png",), dpi=50, title=False), only=["barrier"])
    assert imread(bare).shape[0] < imread(low).shape[0]


def test_a_style_file_of_ones_own(finished, tmp_path):
    own = tmp_path / "own.mplstyle"
    own.write_text("font.size: 21\naxes.grid: True\n")
    with Page(style=own).settings():
        assert plt.rcParams["font.size"] == 21
        assert plt.rcParams["pdf.fonttype"] == 42
    assert plot_results(finished, tmp_path, page=Page(style=own, formats=("svg",)), only=["barrier"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"style": "papper"}, "give one of screen, paper, talk, or a style file"),
        ({"formats": ("jpg",)}, "give some of png, pdf, svg"),
        ({"formats": "png"}, "give some of png, pdf, svg"),
        ({"formats": ()}, "give some of"),
        ({"dpi": 3}, "from 20 to 2400"),
        ({"width": 5000}, "from 40 to 2000 mm"),
        ({"width": float("nan")}, "from 40 to 2000 mm"),
        ({"title": "no"}, "is not true or false"),
    ],
)
def test_an_impossible_page_is_one_line(finished, tmp_path, settings, words):
    with pytest.raises(InvalidInputError, match=words):
        plot_results(finished, tmp_path, page=Page(**settings), only=["barrier"])


def test_a_broken_style_file_is_one_line(finished, tmp_path):
    own = tmp_path / "own.mplstyle"
    own.write_bytes(b"\xff\x00")
    with pytest.raises(InvalidInputError, match="is no style file"):
        plot_results(finished, tmp_path, page=Page(style=own), only=["barrier"])


def test_latex_that_is_not_here_is_one_line(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(InvalidInputError, match="needs the program latex"):
        Page(latex=True)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("5 % of a_b & $x_1$", r"5 \% of a\_b \& $x_1$"),
        ("a < b > c | d", r"a \textless{} b \textgreater{} c \textbar{} d"),  # inverted marks and a dash otherwise
        ("\u03c3 \u00b1 \u03a9", r"$\sigma$ $\pm$ $\Omega$"),
        ("$\u03c3^2$", r"$\sigma ^2$"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("\u03bb \u039b \u0391", r"$\lambda$ $\Lambda$ $A$"),
        (r"$\text{\input x} = 1$", r"$\mbox{\textbackslash{}input x} = 1$"),
        ("$x^^5cinput$", r"\$x\textasciicircum{}\textasciicircum{}5cinput\$"),
        ("a--b's `c`", r"a{-}{-}b\textquotesingle{}s \textasciigrave{}c\textasciigrave{}"),
    ],
)
def test_text_for_latex_is_escaped_outside_of_mathematics(monkeypatch, text, latex):
    monkeypatch.setitem(plt.rcParams, "text.usetex", True)
    assert written(text) == latex


def test_latex_sets_letters_and_numbers_in_one_font(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda _: "latex")
    with Page(latex=True).settings():
        assert plt.rcParams["font.family"] == ["serif"]
    own = tmp_path / "own.mplstyle"
    own.write_text("font.family: monospace")
    with Page(own, latex=True).settings():
        assert plt.rcParams["font.family"] == ["monospace"]


def test_what_latex_objects_to_is_one_short_line(monkeypatch):
    pages = "latex was not able to process:\nfile.tex\n! LaTeX Error: no such letter.\nl.28 x\n" + 1000 * "(a.sty)"
    monkeypatch.setattr("binland.plots.page.draw_chart", Mock(side_effect=RuntimeError(pages)))
    with pytest.raises(InvalidInputError) as error:
        Page().draw(Chart((), Headline("", "")))
    assert str(error.value) == (
        "LaTeX cannot set the text of a figure (LaTeX Error: no such letter., l.28 x); leave latex out"
    )


@pytest.mark.skipif(not (shutil.which("latex") and shutil.which("dvipng")), reason="needs LaTeX")
def test_latex_sets_the_text_of_all_formats(finished, tmp_path):
    page = Page("paper", formats=("png", "pdf", "svg"), latex=True)
    paths = plot_results(finished, tmp_path, page=page, only=["barrier"])
    assert [path.suffix for path in paths] == [".png", ".pdf", ".svg"]
    assert all(source(path) is not None for path in paths)


def test_files_of_others_are_not_replaced(finished, tmp_path):
    page = Page(formats=("png",))
    plot_results(finished, tmp_path, page=page, only=["barrier"], csv=True)
    plot_results(finished, tmp_path, page=page, only=["barrier"], csv=True)  # its own
    for ending in ("png", "csv"):
        foreign = tmp_path / f"{finished.stem}_distance.{ending}"
        foreign.write_text("mine")
        with pytest.raises(StoreError, match="is there already and no"):
            plot_results(finished, tmp_path, page=page, only=["distance"], csv=True)
        assert foreign.read_text() == "mine"
        foreign.unlink()


@pytest.mark.parametrize(
    ("text", "mathematics"),
    [
        (r"$\mathrm{SGD}_{Xavier}$", True),
        ("SGD, $x^2$", True),
        ("costs $5", False),
        ("costs $5 and $\\foo", False),
        (r"$\frac{1}{2$", False),
        (r"\$5 and $x$", False),
        ("plain", True),
    ],
)
def test_between_dollars_is_mathematics_if_it_can_be_read(axes, text, mathematics):
    assert is_mathematics(text) == mathematics
    axes.set_title(written(text))
    axes.figure.canvas.draw()
    assert ("\\$" in written(text)) == (not mathematics)


def test_a_table_has_all_that_a_panel_shows(finished, tmp_path):
    *_, path = plot_results(finished, tmp_path, page=Page(formats=("png",)), only=["barrier"], csv=True)
    table, data = pd.read_csv(path), bl.load_results(finished)
    place = {"algorithm": "SGD", "symmetry": "raw"}
    rows = table[(table["algorithm"] == "SGD") & (table["symmetry"] == "raw")]
    expected = 100 * data["barrier"].sel(place).mean(["disorder", "pair", "order"])
    assert np.allclose(rows["y"], expected)
    assert rows["y_label"].unique() == ["barrier: maximum train error (%)"]


def test_panels_by_name(finished, axes):
    assert {"test_error", "barrier", "distance", "local_energy"} <= panels(finished).keys()
    artists = plot_panel(finished, "barrier", axes)
    assert artists
    assert all(artist.axes is axes for artist in artists)
    with pytest.raises(InvalidInputError, match="no panel 'barier'"):
        plot_panel(finished, "barier", axes)


def test_by_default_the_current_axes_are_drawn_into():
    _, (left, right) = plt.subplots(1, 2)
    plt.sca(left)
    (line,) = plot_path(bl.shortest_path(*THREE[:2], TRAIN, seed=0), label="random", color="red", line="--")
    assert line.axes is left
    assert not right.lines
    assert (line.get_color(), line.get_linestyle()) == ("red", "--")
    plt.close()


def test_paths_of_every_kind(axes):
    a, b, _ = THREE
    path, bent = bl.shortest_path(a, b, TRAIN, seed=0), bl.optimized_path(a, b, TRAIN, bl.SGD(epochs=2), seed=0)
    (line,) = plot_path(path, axes)
    assert np.allclose(line.get_ydata(), 100 * path.errors)
    assert line.get_xdata()[[0, -1]].tolist() == [0, 1]
    first = line.get_color()
    (line,) = plot_path(bent, axes)
    assert line.get_color() != first
    x, y = line.get_data()
    assert np.allclose(y, 100 * bent.errors)
    assert x[bent.first.length] == pytest.approx(bent.first.length / bent.length)
    assert np.all(np.diff(x) >= 0)
    barrier = bl.barrier(a, b, TRAIN, seed=0, orders=2)
    (line,) = plot_path(barrier, axes)
    assert line.get_ydata().max() == pytest.approx(100 * barrier.max_of_mean)
    (line,) = plot_path(bl.expected_path(a, b, TRAIN), axes)
    with pytest.raises(InvalidInputError, match="has no errors along a path"):
        plot_path(a, axes)


def test_local_energies_and_planes(axes):
    energy = bl.local_energy(THREE[0], TRAIN, fractions=[0.1, 0.02], seed=0)
    plot_local_energy(energy, axes, "SGD")
    line = axes.lines[0]
    assert line.get_xdata().tolist() == [2, 10]
    assert np.allclose(line.get_ydata(), 100 * energy.mean[[1, 0]])
    exact = bl.local_energy(THREE[0], TRAIN, fractions=[0.1], method="exact")
    assert len(plot_local_energy(exact, axes)) == 1  # no error bars
    plane = bl.plane(*THREE, TRAIN, points=5)
    filled, *texts = plot_plane(plane, Figure().subplots(), names=("a", "b", "c"))
    assert filled.get_array().max() <= 100
    assert [text.get_text() for text in texts] == ["a", "b", "c"]


def test_raw_and_aligned_are_apart_without_colours(tmp_path):
    bl.run_sweep(spec(), tmp_path / "x.h5")
    for curves in zip(*[iter(panels(tmp_path / "x.h5")["barrier"].curves)] * 2, strict=True):
        raw, aligned = (one.look for one in curves)
        assert raw.line != aligned.line
        assert raw.hollow
        assert not aligned.hollow


@pytest.mark.parametrize("count", [1, 2, 5])
def test_on_a_narrow_page_panels_stand_below_one_another(count):
    curve = Curve(np.arange(3.0), np.arange(3.0), look=Look())
    chart = Chart([Panel("", Axis("x"), Axis("y"), [curve])] * count, Headline("title", "facts"))
    with Page().settings():
        narrow, wide = draw_chart(chart, 3.4), draw_chart(chart, 8)
    assert narrow.get_figwidth() == 3.4
    assert narrow.axes[0].get_subplotspec().get_gridspec().ncols == 1
    assert wide.axes[0].get_subplotspec().get_gridspec().ncols == min(count, 2)


def test_values_that_agree_in_six_digits_have_figures_of_their_own(tmp_path):
    rates = [0.12345678, 0.12345679]
    small = spec(grid={"n_inputs": [21], "algorithms.SGD.learning_rate": rates, "disorder_samples": 1})
    bl.run_sweep(small, tmp_path / "x.h5")
    named = [name for name in panels(tmp_path / "x.h5") if name.startswith("paths_")]
    assert len(named) == 2


def test_what_is_in_the_way_of_a_table_is_not_read(finished, tmp_path):
    os.mkfifo(tmp_path / f"{finished.stem}_barrier.csv")
    with pytest.raises(StoreError, match="no table of binland"):
        plot_results(finished, tmp_path, page=Page(formats=("png",)), only=["barrier"], csv=True)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda axes: plot_path(bl.barrier(*THREE[:2], TRAIN, seed=0), axes, None), "label=None: give a text"),
        (lambda axes: plot_path(bl.barrier(*THREE[:2], TRAIN, seed=0), axes, linestyle="-"), "is no field of a look"),
        (lambda axes: plot_plane(bl.plane(*THREE, TRAIN, points=3), axes, names=("a",)), "one for each of the 3"),
    ],
)
def test_bad_arguments_of_drawing_are_one_line(axes, draw, words):
    with pytest.raises(InvalidInputError, match=words):
        draw(axes)


def test_a_width_that_letters_do_not_fit_is_one_line(finished, tmp_path):
    with pytest.raises(InvalidInputError, match="letters of 15 points need at least 93 mm"):
        plot_results(finished, tmp_path, page=Page(style="talk", width=90), only=["barrier"])
    with pytest.raises(InvalidInputError, match="give a list of names"):
        plot_results(finished, tmp_path, only="barrier")


def test_mathematics_is_not_broken_into_lines():
    lines = wrapped("a few words and $a + b + c + d + e$ and more words", 1.0, 9)
    assert "$a + b + c + d + e$" in lines.replace("\n", "|")
    assert lines.count("\n") > 1


def test_lines_of_a_text_are_broken_one_by_one():
    assert wrapped("a long name of a quantity\ntau = 0.3", 1.0, 9).split("\n")[-1] == "tau = 0.3"
    assert wrapped("short\ntext", 5.0, 9) == "short\ntext"


def test_values_and_units_stay_with_their_names_when_lines_break():
    lines = wrapped("local energy: increase of the train error (%) at N = 1001", 1.6, 9).split("\n")
    assert len(lines) > 1
    assert all("N = 1001" in line for line in lines if "N" in line)
    assert any("error (%)" in line for line in lines)
    for text, inches in (("local energy N = 1001", 0.5), ("x at temperature = 0.01, learning_rate = 0.05 (%)", 1.0)):
        lines = wrapped(text, inches, 9).split("\n")
        assert " ".join(lines) == text  # no word is cut, and no blank is lost


def test_a_title_of_the_user_stays(finished, axes):
    axes.set_title("mine")
    plot_panel(finished, "barrier", axes)
    assert axes.get_title() == "mine"
