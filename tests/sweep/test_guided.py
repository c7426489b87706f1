"""Guided paths in sweeps, of machines and deep networks, and with a guide of one's own."""

import numpy as np
import pytest

import binland as bl
import deepbridge as db
from binland.families.shallow import GUIDES, SHALLOW
from binland.measures.guided import GuidedPaths
from binland.plots import plot_results
from binland.sweep.config import check_settings
from binland.sweep.execute import draw
from binland.sweep.naming import streams
from binland.sweep.tasks import Task
from tests.sweep.small import cell

SHALLOW_SWEEP = {
    "title": "guided",
    "seed": 3,
    "data": {"latent_dim": 11, "n_patterns": 30, "n_test": 50},
    "model": {"kind": "committee", "n_hidden": 5},
    "grid": {"n_inputs": [21, 31], "disorder_samples": 2, "solutions": 2},
    "algorithms": {"SGD": {"epochs": 4}, "RSGD": {"epochs": 3, "replicas": 2}},
    "measure": {
        "guided": {"stages": 5, "profile_points": 4, "places": 3, "realizations": 2, "pairs": "all"},
        "lowest": {"budget": 3000, "temperature": 0.5},
    },
}


@pytest.mark.slow
def test_guided_paths_in_a_sweep_are_those_by_hand(tmp_path):
    path = tmp_path / "out.h5"
    small = check_settings(SHALLOW_SWEEP, "guided")
    bl.run_sweep(small, path)
    data = bl.load_results(path)
    problem = draw(small, (0,), 1)
    start, end = (bl.load_solution(path, 21, "RSGD", 1, k) for k in (1, 0))
    task = Task("guided", cell(21, 1, "RSGD"), (1, 0))
    seeds = {name: stream.seed for name, stream in streams(small, task).items()}
    point = data.sel(n_inputs=21, disorder=1, algorithm="RSGD").isel(pair=1)
    for symmetry, moved in (("raw", end), ("aligned", bl.align(end, to=start).solution)):
        found = point.sel(symmetry=symmetry)
        expected = bl.shortest_path(start, moved, problem.train, order=bl.Guided(stages=5))
        assert float(found["guided_barrier"]) == expected.barrier
        steps = np.linspace(0, expected.length, 4).round().astype(int)
        assert np.array_equal(found["guided_error"], expected.errors[steps])
        middle = expected.solution(0.5)
        assert float(found["guided_test_error"][1]) == middle.error(problem.test)
        draws = seeds[symmetry].spawn(3)[1]
        energy = bl.local_energy(middle, problem.train, [0.05], 2, draws).mean[0]
        assert float(found["guided_local_energy"][1]) == energy
        (stream,) = [
            stream.seed
            for name, stream in streams(small, Task("lowest", cell(21, 1, "RSGD"), (1, 0))).items()
            if name == symmetry
        ]
        order = bl.Annealed(budget=3000, temperature=0.5)
        lowest = bl.shortest_path(start, moved, problem.train, stream, order=order)
        assert float(found["lowest_barrier"]) == lowest.barrier
        assert float(found["lowest_bound"]) == max(start.error(problem.train), end.error(problem.train))
    assert np.all(data["lowest_barrier"] >= data["lowest_bound"])
    assert np.all(np.isfinite(data["across_guided_barrier"].sel(symmetry="raw")))
    figures = plot_results(path, tmp_path / "figures")
    assert {"out_guided_n_inputs_21.png", "out_guided_n_inputs_31.png"} <= {figure.name for figure in figures}


def test_the_lowest_of_few_flips_is_the_best_of_all_orders():
    machine, rng = bl.CommitteeMachine(7, 3), np.random.default_rng(0)
    patterns = bl.Patterns.random(18, 7, 0)
    weights = rng.choice([-1, 1], machine.weight_shape).astype(np.int8)
    other = weights.copy()
    other.reshape(-1)[rng.permutation(21)[:12]] *= -1
    start, end = bl.Solution(machine, weights), bl.Solution(machine, other)
    found = SHALLOW.lowest_path(start, end, patterns, {"budget": 1}, 0, None)
    assert found.barrier == bl.enumerate_solutions(machine, patterns).bottleneck(start, end, "shortest").barrier


def test_the_defaults_are_part_of_what_a_task_is():
    small = check_settings(SHALLOW_SWEEP, "guided")
    task = Task("guided", cell(21, 1, "RSGD"), (1, 0))
    (stream, _) = streams(small, task).values()
    known = stream.name["guided"] if hasattr(stream, "name") else SHALLOW.stream_key("guided", None, None)["guided"]
    assert known["window"] == bl.Guided().window
    assert known["code"] == GUIDES


PLUGIN = """
import numpy as np
from binland.measures.guided import GuidedPaths

class Mine(GuidedPaths):
    name = "mine"

    def guide(self, solution, places, patterns):
        return -np.arange(len(places))

MINE = Mine()
"""


def test_a_guide_of_ones_own_is_a_plug_in_of_one_function(tmp_path):
    (tmp_path / "own_guide.py").write_text(PLUGIN)
    config = tmp_path / "own.toml"
    config.write_text(
        'title = "own"\nplugins = ["own_guide"]\n[data]\nlatent_dim = 11\nn_patterns = 30\nn_test = 20\n[model]\n'
        'kind = "committee"\nn_hidden = 5\n[grid]\nn_inputs = [21]\ndisorder_samples = 1\nsolutions = 2\n'
        "[algorithms.SGD]\nepochs = 4\n[measure.guided]\n[measure.mine]\ncandidates = 1\nplaces = 2\n"
    )
    path = tmp_path / "own.h5"
    bl.run_sweep(config, path)
    data = bl.load_results(path)
    train = bl.load_problem(path, n_inputs=21).train
    start, end = (bl.load_solution(path, 21, "SGD", 0, k) for k in (0, 1))
    places = np.flatnonzero(start.weights != end.weights)
    weights, errors = start.weights.copy(), [start.error(train)]
    for place in places:
        weights.reshape(-1)[place] *= -1
        errors.append(bl.Solution(start.machine, weights).error(train))
    point = data.sel(n_inputs=21, disorder=0, algorithm="SGD", symmetry="raw").isel(pair=0)
    assert float(point["mine_barrier"]) == max(errors)
    assert float(point["guided_barrier"]) <= max(errors)


@pytest.mark.parametrize("model", [{"kind": "mlp"}, {"kind": "convnet", "filters": [3], "filter_size": 3}])
def test_guided_paths_of_deep_networks_in_a_sweep(tmp_path, model):
    plain = {
        "title": "deep", "seed": 1, "data": {"name": "digits", "per_class": 10, "test_per_class": 5},
        "model": {**model, "n_hidden_layers": 2},
        "grid": {"width": [11], "solutions": 2},
        "algorithms": {"SGD": {"epochs": 5, "optimizer": "adam", "learning_rate": 0.01}},
        "measure": {
            "guided": {"stages": 6, "places": 2, "realizations": 2, "profile_points": 5}, "lowest": {"budget": 2000},
        },
    }  # fmt: skip
    path = tmp_path / "deep.h5"
    bl.run_sweep(check_settings(plain, "deep"), path)
    point = bl.load_results(path).isel(width=0, disorder=0, algorithm=0, pair=0).sel(symmetry="raw")
    train = bl.load_problem(path, width=11).train
    start, end = (bl.load_solution(path, 11, "SGD", 0, k) for k in (0, 1))
    expected = db.shortest_path(start, end, train, points=5, order=db.Guided(stages=6))
    assert float(point["guided_barrier"]) == expected.barrier
    assert np.array_equal(point["guided_error"], expected.errors)
    assert float(point["lowest_bound"]) == max(start.error(train), end.error(train))
    assert point["lowest_bound"] <= point["lowest_barrier"]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"stages": 0}, "measure.guided.stages"), ({"window": 0}, "measure.guided.window"), ({"place": 3}, "place")],
)
def test_bad_settings_are_one_line(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        check_settings({**SHALLOW_SWEEP, "measure": {"guided": change}}, "guided")
    assert "\n" not in str(caught.value)


def test_two_measures_have_variables_of_their_own():
    class Mine(GuidedPaths):
        name = "mine"

        def guide(self, solution, places, patterns):
            return np.zeros(len(places))

    settings = GuidedPaths.Settings()
    first, second = GuidedPaths(), Mine()
    assert not set(first.variables(settings)) & set(second.variables(settings))
    assert first.key(settings) != second.key(settings)


def test_middles_are_those_by_hand(tmp_path):
    plain = {
        **SHALLOW_SWEEP,
        "grid": {"n_inputs": [21], "disorder_samples": 1, "solutions": 3},
        "measure": {"middles": {"generations": 2, "realizations": 2}},
        "store": {"latents": True},
    }
    path = tmp_path / "middles.h5"
    small = check_settings(plain, "middles")
    bl.run_sweep(small, path)
    point = bl.load_results(path).isel(n_inputs=0, disorder=0, middles=0).sel(algorithm="RSGD", symmetry="aligned")
    problem = draw(small, (0,), 0)
    first, *others = (bl.load_solution(path, 21, "RSGD", 0, k) for k in range(3))
    three = [first, *(bl.align(other, to=first).solution for other in others)]
    total = np.sum([one.weights for one in three], axis=0)
    majority = bl.Solution(first.machine, np.sign(total))
    assert float(point["beside_test_error"].sel(beside="majority")) == majority.error(problem.test)
    for generation in range(3):
        paths = [
            bl.shortest_path(three[i], three[j], problem.train, order="guided") for i, j in ((0, 1), (0, 2), (1, 2))
        ]
        found = point.sel(generation=generation)
        assert float(found["middles_test_error"]) == pytest.approx(np.mean([one.error(problem.test) for one in three]))
        assert float(found["middles_barrier"]) == pytest.approx(np.mean([one.barrier for one in paths]))
        distance = np.mean([one.length for one in paths]) / first.machine.n_weights
        assert float(found["middles_distance"]) == pytest.approx(distance)
        if generation == 0:
            task = Task("middles", cell(21, 0, "RSGD"), (0, 1, 2))
            seed = streams(small, task)["aligned trained"].seed
            latents = paths[0].solution(0.5).latents
            trained = bl.fit(first.machine, problem.train, bl.SGD(epochs=4), seed, start=latents)
            assert float(point["beside_train_error"].sel(beside="trained")) == trained.error(problem.train)
        three = [one.solution(0.5) for one in paths]
    assert any("_middles" in figure.name for figure in plot_results(path, tmp_path / "figures"))


def test_middles_need_an_algorithm_to_train_with():
    plain = {**SHALLOW_SWEEP, "grid": {"n_inputs": [21], "solutions": 3}, "algorithms": {"RSGD": {"epochs": 1}}}
    for middles, message in (({}, "needs an algorithm"), ({"algorithm": "Adam"}, "is not one of the algorithms RSGD")):
        with pytest.raises(ValueError, match=message):
            check_settings({**plain, "measure": {"middles": middles}}, "middles")


def test_middles_of_convolutional_networks_in_a_sweep(tmp_path):
    plain = {
        "title": "deep", "seed": 1, "data": {"name": "digits", "per_class": 5, "test_per_class": 3},
        "model": {"kind": "convnet", "filters": [2], "filter_size": 3, "n_hidden_layers": 1},
        "grid": {"width": [5], "solutions": 3},
        "algorithms": {"SGD": {"epochs": 2, "optimizer": "adam", "learning_rate": 0.01}},
        "measure": {"middles": {"generations": 1, "realizations": 1}},
    }  # fmt: skip
    bl.run_sweep(check_settings(plain, "deep"), tmp_path / "deep.h5")
    assert np.all(np.isfinite(bl.load_results(tmp_path / "deep.h5")["middles_test_error"]))


@pytest.mark.parametrize("change", [{"window": np.inf}, {"steepness": 1e13}, {"stages": 10**7}, {"candidates": 10**7}])
def test_settings_that_no_path_would_take_are_refused_before_anything_runs(change):
    with pytest.raises(ValueError, match=f"measure.guided.{next(iter(change))}"):
        check_settings({**SHALLOW_SWEEP, "measure": {"guided": change}}, "guided")
