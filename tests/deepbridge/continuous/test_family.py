import itertools

import numpy as np
import pytest
import torch

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.plots.charts import charts_of
from binland.plots.draw import draw_chart
from binland.plots.results import read
from binland.sweep.config import load_spec
from binland.sweep.contracts.problem import Inputs
from binland.sweep.load import load_problem
from binland.sweep.naming import streams
from binland.sweep.tasks import Cell, Task
from deepbridge.continuous.family import CONTINUOUS, ContinuousModel, count_statistics

TOML = """
seed = 3
[data]
name = "digits"
per_class = 6
test_per_class = 4
[model]
kind = "continuous-mlp"
[grid]
width = [6]
solutions = 2
[algorithms.RSGD]
epochs = 3
replicas = 2
[algorithms.SGD]
epochs = 3
[measure.noise]
sigmas = [0.1, 0.5]
realizations = 3
[measure.lines]
pairs = "all"
methods = ["greedy", "coordinate"]
points = 3
beyond = 0.5
restarts = 2
[measure.bends]
shapes = ["geodesic-aligned"]
points = 3
pairs = "within"
[measure.sections]
points = 3
test = true
method = "activations"
[smoke.grid]
width = [4]
"""


@pytest.fixture(autouse=True)
def one_thread():
    """As in the tasks of a sweep: sums of floats depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toroid")
    (folder / "toroid.toml").write_text(TOML)
    bl.run_sweep(folder / "toroid.toml", folder / "toroid.h5", report=lambda progress: None)
    return folder / "toroid.h5"


def seeds_of(spec, kind, cell, *solutions, to=""):
    return {name: stream.seed for name, stream in streams(spec, Task(kind, cell, solutions, 0, to)).items()}


def test_a_sweep_holds_what_the_functions_give(result):
    spec, data = load_spec(result.with_suffix(".toml")), bl.load_results(result)
    cell, setup = Cell((0,), 0, "SGD"), spec.at((0,))
    drawn = load_problem(result, disorder=0, width=6)
    network = db.MLP(64, (6, 6), 10)
    found = {
        (label, k): db.fit(
            network, drawn.train, setup.algorithms[label], seeds_of(spec, "solution", Cell((0,), 0, label), k)["fit"],
            progress=False,
        )
        for label, k in itertools.product(("RSGD", "SGD"), (0, 1))
    }  # fmt: skip
    at = data.sel(width=6, disorder=0)
    a, b = found["SGD", 0], found["SGD", 1]
    sgd = at.sel(algorithm="SGD")
    assert float(sgd["train_error"][0]) == a.error(drawn.train)
    assert float(sgd["test_error"][0]) == a.error(drawn.test)
    noise = db.local_energy(a, drawn.train, [0.1, 0.5], 3, seeds_of(spec, "noise", cell, 0)["noise"])
    assert np.array_equal(sgd["noise_energy"][0], noise.samples)
    assert np.array_equal(sgd["noise_loss"][0], noise.loss_samples)
    pair = int(np.flatnonzero((at["start"] == 0) & (at["end"] == 1))[0])
    seeds = seeds_of(spec, "lines", cell, 0, 1)
    na, nb = db.normalize(a), db.normalize(b)
    moved = db.align(nb, na, "coordinate", seed=seeds["align geodesic coordinate"], restarts=2).solution
    line = sgd.isel(pair=pair).sel(line="geodesic-aligned, coordinate")
    path = db.path(na, moved, drawn.train, "geodesic", 3, beyond=0.5, test=drawn.test)
    assert np.array_equal(line["line_error"], path.errors)
    assert np.array_equal(line["line_position"], path.ts)
    assert np.array_equal(line["line_test_error"], path.test_errors)
    for name in ("barrier", "ainsworth", "entezari", "frankle", "length"):
        assert float(line[f"line_{name}"]) == getattr(path, name)
    assert float(line["line_distance"]) == db.distance(na, moved)
    raw = db.path(a, b, drawn.train, "linear", 3, beyond=0.5)
    assert np.array_equal(sgd.isel(pair=pair).sel(line="linear")["line_error"], raw.errors)
    across = (at["across_algorithm"] == "RSGD") & (at["across_to_algorithm"] == "SGD")
    other = at.sel(across=across)
    k = int(np.flatnonzero((other["across_start"] == 1) & (other["across_end"] == 0))[0])
    path = db.path(found["RSGD", 1], a, drawn.train, "linear", 3, beyond=0.5)
    assert np.array_equal(other["across_line_loss"].isel(across=k).sel(line="linear"), path.losses)
    seeds = seeds_of(spec, "bends", cell, 0, 1)
    greedy = db.align(nb, na).solution
    bent = db.optimized_path(
        na, greedy, drawn.train, setup.algorithms["SGD"], seeds["midpoint geodesic-aligned"], kind="geodesic", points=3
    )
    row = sgd.isel(pair=pair, bend_line=0)
    assert float(row["bends_barrier"]) == bent.barrier
    assert np.array_equal(row["bends_error"], [bent.first.errors, bent.second.errors])
    assert np.array_equal(row["bends_distance"], [db.distance(one, bent.midpoint) for one in (na, greedy)])
    assert float(row["bends_midpoint_test_error"]) == bent.midpoint.error(drawn.test)
    moved = db.align(nb, na, "activations", drawn.train).solution
    plane = db.plane(na, nb, moved, drawn.train, 3, test=drawn.test)
    row = sgd.isel(pair=pair).sel(space="normalized")
    assert np.array_equal(row["section_error"], plane.errors)
    assert np.array_equal(row["section_test_error"], plane.test_errors)
    middle = db.interpolate(na, moved, 0.5, "geodesic")
    assert np.array_equal(row["section_path"].sel(section_line="aligned", section_place=0.5), plane.place(middle))


def test_figures_are_drawn(result):
    results = read(result)
    charts = charts_of(results)
    for part in ("flatness", "lines", "lines_test", "distances", "bends", "midpoints", "sections", "sections_test"):
        assert f"_{part}_width_6" in charts
    assert "_line_barriers" in charts
    lines = charts["_lines_width_6"]
    titles = [panel.title for panel in lines.panels]
    assert titles == [
        "linear",
        *(f"{kind}-aligned{how}" for kind in ("linear", "geodesic") for how in ("", ", coordinate")),
    ]
    assert all(len(panel.curves) == 3 for panel in lines.panels)  # RSGD, SGD and both
    assert all(draw_chart(chart) for chart in charts.values())


@pytest.mark.parametrize(
    ("kind", "width", "shape", "more"),
    [
        ("continuous-mlp", 7, (64,), {"n_hidden_layers": 3}),
        ("continuous-mlp", 7, (1, 8, 8), {"n_hidden_layers": 0}),
        ("lenet", 9, (2, 20, 28), {"filters": [3, 4]}),
        ("vgg16", 2, (3, 32, 32), {}),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 10])
def test_solutions_are_stored_to_the_last_bit(kind, width, shape, more, n_classes):
    settings = ContinuousModel(kind=kind, width=width, **more)
    inputs = Inputs(shape, n_classes, "reals")
    CONTINUOUS.takes(settings, inputs)
    network = CONTINUOUS.build(settings, inputs, None)
    assert network.n_weights == CONTINUOUS.n_weights(settings, inputs)
    sizes = {name: int(np.prod(shape)) for name, shape in network.shapes.items()}
    assert sum(sizes.values()) == network.n_weights + count_statistics(settings)
    solution = db.ContinuousSolution(network, network.initial(0), np.array([0.5, np.nan, 0.25]), 1.5)
    arrays = CONTINUOUS.encode(solution) | {"history": solution.history}
    padded = {name: np.append(array, np.full(3, np.nan, array.dtype)) for name, array in arrays.items() if array.ndim}
    again = CONTINUOUS.decode(network, arrays | padded, db.continuous.SGD(epochs=3))
    for name, tensor in solution.state.items():
        assert torch.equal(again.state[name], tensor)
        assert again.state[name].dtype == tensor.dtype
    assert np.array_equal(again.history, solution.history, equal_nan=True)
    assert again.spread == 1.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "continuous-mlp"', 'kind = "lenet"\nn_hidden_layers = 3', "n_hidden_layers = 3 is for kind"),
        (
            'kind = "continuous-mlp"',
            'kind = "continuous-mlp"\nfilters = [3]',
            'filters = \\[3\\] is for kind = "lenet"',
        ),
        ('kind = "continuous-mlp"', 'kind = "lenet"', "too small for filters"),
        ('methods = ["greedy", "coordinate"]', 'methods = ["best"]', "greedy"),
        ("points = 3\nbeyond", "points = 1\nbeyond", "points = 1"),
        ("[measure.noise]", "[measure.pair]\n[measure.noise]", "measure.pair is not for model.kind = 'continuous-mlp'"),
        ("[algorithms.SGD]", "[algorithms.SGD]\noptimizer = 'adam'", "optimizer"),
        ("[measure.bends]", '[measure.bends]\nmidpoint_algorithm = "X"', "midpoint_algorithm = 'X' is not one"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(tmp_path, old, new, message):
    assert old in TOML
    (tmp_path / "x.toml").write_text(TOML.replace(old, new, 1))
    with pytest.raises(InvalidInputError, match=message):
        load_spec(tmp_path / "x.toml")


@pytest.mark.parametrize("kind", ["hidden-manifold", "random-labels"])
def test_networks_learn_inputs_of_minus_and_plus_one(tmp_path, kind):
    more = "latent_dim = 5\n" if kind == "hidden-manifold" else ""
    (tmp_path / "x.toml").write_text(
        f'[data]\nkind = "{kind}"\n{more}n_inputs = 9\nn_patterns = 8\nn_test = 4\n[model]\nkind = "continuous-mlp"\n'
        "[grid]\nwidth = [5]\nsolutions = 2\n[algorithms.SGD]\nepochs = 40\nlearning_rate = 0.1\n"
        "[measure.noise]\nrealizations = 2\n"
    )
    bl.run_sweep(tmp_path / "x.toml", tmp_path / "x.h5", report=lambda progress: None)
    data = bl.load_results(tmp_path / "x.h5")
    assert bool((data["train_error"] <= 0.5).all())
    assert bool(data["line_barrier"].notnull().all())
