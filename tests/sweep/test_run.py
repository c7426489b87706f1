import json
import math
import re
import tomllib

import numpy as np
import pytest
import xarray as xr

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.plots import plot_overview
from binland.sweep import workers
from binland.sweep.execute import draw_problem, draw_test
from binland.sweep.identity import identify
from binland.sweep.shallow import SHALLOW
from binland.sweep.store.layout import DONE, FAILED
from binland.sweep.store.store import Store, count_states
from binland.sweep.store.writer import writing
from binland.sweep.tasks import Cell, PairTask, SolutionTask, all_tasks, streams
from tests.sweep.small import TEXT, assert_same_numbers, settings, spec


def test_results_have_named_dimensions_and_every_sample(finished):
    data = bl.load_results(finished)
    assert data["local_energy"].dims == ("n_inputs", "disorder", "algorithm", "solution", "fraction", "realization")
    assert data["barrier"].dims == ("n_inputs", "disorder", "algorithm", "pair", "symmetry", "order")
    assert data["barrier"].shape == (2, 2, 2, 2, 2, 2)
    assert data["n_weights"].values.tolist() == [105, 155]
    assert data["overparameterization"].values.tolist() == pytest.approx([21 / 11, 31 / 11])
    assert data["algorithm"].values.tolist() == ["SGD", "RSGD"]
    assert list(zip(data["start"].values, data["end"].values, strict=True)) == [(0, 1), (1, 0)]
    for name in ("train_error", "test_error", "local_energy", "distance", "barrier", "barrier_of_mean", "path_error"):
        assert bool(data[name].notnull().all()), name
    assert bool(data["replica_error"].sel(algorithm="SGD").isnull().all())
    assert bool(data["replica_error"].sel(algorithm="RSGD").notnull().all())
    assert data.attrs["schema"] == "binland-sweep-3"
    assert {"config", "git", "host", "version_numba", "created"} <= set(data.attrs)


@pytest.mark.parametrize("flips", ["count", "independent"])
def test_a_sweep_is_what_its_parts_give_by_hand(tmp_path, flips):
    """Every stored number of a cell, from the public functions and the documented streams."""
    small = spec(data={"teacher_kind": "gaussian", "feature_kind": "binary"}, measure={"flips": flips, "orders": 3})
    path = tmp_path / "out.h5"
    bl.run_sweep(small, path)
    cell = Cell(31, 1, "RSGD")
    key = SHALLOW.disorder_key(small, 31, 1)

    def drawn(purpose):
        return identify(key | {"purpose": purpose}).seed

    manifold = bl.HiddenManifold(31, 11, drawn("manifold"), "gaussian", "binary")
    train, test = manifold.sample(30, drawn("train")), manifold.sample(50, drawn("test"))
    machine, algorithm = bl.CommitteeMachine(31, 5), bl.RSGD(epochs=3, replicas=2)
    solutions = [bl.fit(machine, train, algorithm, streams(small, SolutionTask(cell, k))["fit"].seed) for k in range(2)]
    point = bl.load_results(path).sel(n_inputs=31, disorder=1, algorithm="RSGD")
    for k, solution in enumerate(solutions):
        found = point.sel(solution=k)
        stream = streams(small, SolutionTask(cell, k))["local_energy"].seed
        energy = bl.local_energy(solution, train, [0.05, 0.1], 3, stream, flips)
        assert float(found["train_error"]) == solution.error(train)
        assert float(found["test_error"]) == solution.error(test)
        assert np.array_equal(found["local_energy"], energy.samples)
        assert np.array_equal(found["history"].dropna("epoch"), solution.history)
        assert np.array_equal(found["replica_error"], solution.replicas.errors)
        assert float(found["replica_spread"]) == solution.replicas.spread
        stored = bl.load_solution(path, 31, "RSGD", disorder=1, solution=k)
        assert np.array_equal(stored.weights, solution.weights)
        assert np.array_equal(stored.history, solution.history)
        assert stored.algorithm == algorithm
    start, end = solutions
    for symmetry, moved in (("raw", end), ("aligned", bl.align(end, to=start).solution)):
        found = point.sel(pair=0, symmetry=symmetry)
        stream = streams(small, PairTask(cell, 0, 1))[symmetry].seed
        barrier = bl.barrier(start, moved, train, 3, stream)
        assert float(found["distance"]) == bl.hamming(start, moved)
        assert np.array_equal(found["barrier"], barrier.samples)
        assert float(found["barrier_of_mean"]) == barrier.max_of_mean
        assert np.array_equal(found["path_error"][[0, -1]], barrier.profile[[0, -1]])
    assert float(point["distance"].sel(pair=0, symmetry="raw")) > float(
        point["distance"].sel(pair=0, symmetry="aligned")
    )


def test_train_test_and_disorder_samples_are_different_draws():
    text = spec().canonical()
    train, test, other = draw_problem(text, 31, 0)[1], draw_test(text, 31, 0), draw_problem(text, 31, 1)[1]
    rows = [{row.tobytes() for row in patterns.inputs} for patterns in (train, test, other)]
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    manifolds = [SHALLOW.manifold(spec(), 31, disorder) for disorder in (0, 1)]
    assert not np.array_equal(manifolds[0].features, manifolds[1].features)
    assert not np.array_equal(manifolds[0].teacher, manifolds[1].teacher)


def test_the_file_records_every_setting(tmp_path):
    path = tmp_path / "out.h5"
    whole = spec(algorithms={"free": {"kind": "SGD", "epochs": 2, "ste_window": math.inf}, "SGD": {"epochs": 2}})
    with writing(path, whole):
        pass
    config = json.loads(bl.load_results(path).attrs["config"])
    assert list(config["algorithms"]) == ["free", "SGD"]
    assert config["algorithms"]["SGD"]["clip"] == 1.0
    assert config["data"]["n_test"] == 50
    assert Store.open(path).spec.canonical() == whole.canonical()
    bl.run_sweep(whole, path)


def test_one_solution_has_no_pairs(tmp_path):
    path = tmp_path / "out.h5"
    bl.run_sweep(spec(grid={"solutions": 1}, algorithms={"SGD": {"epochs": 0}}), path)
    data = bl.load_results(path)
    assert "barrier" not in data
    assert bool(data["test_error"].notnull().all())
    assert plot_overview(path, tmp_path)[0].exists()


def test_a_larger_grid_changes_no_other_number(finished, tmp_path):
    measure = {"orders": 3, "fractions": [0.02, 0.1, 0.05], "realizations": 4}
    larger = spec(grid={"n_inputs": [11, 21, 31], "disorder_samples": 3}, measure=measure)
    bl.run_sweep(larger, tmp_path / "larger.h5")
    old, new = bl.load_results(finished), bl.load_results(tmp_path / "larger.h5")
    shared = new.sel({dim: old[dim] for dim in ("n_inputs", "disorder", "order", "fraction", "realization")})
    for name in ("train_error", "test_error", "local_energy", "history", "distance", "barrier"):
        xr.testing.assert_equal(shared[name].drop_attrs(), old[name].drop_attrs())


class Stop(Exception):
    """Interrupts a run."""


def stop_after(count):
    def report(progress):
        if progress.finished >= count:
            raise Stop

    return report


def test_an_interrupted_sweep_goes_on_and_repeats_nothing(finished, tmp_path, monkeypatch):
    path, executed = tmp_path / "parts.h5", []
    execute = workers.execute
    monkeypatch.setattr(workers, "execute", lambda text, job: executed.append(job.task) or execute(text, job))
    for count in (1, 5, 9):
        with pytest.raises(Stop):
            bl.run_sweep(spec(), path, report=stop_after(count))
    bl.run_sweep(spec(), path)
    assert len(executed) == len(set(executed)) == len(all_tasks(spec()))
    assert_same_numbers(finished, path)
    bl.run_sweep(spec(), path)
    assert len(executed) == len(all_tasks(spec()))


def test_a_failed_task_is_recorded_and_the_sweep_goes_on(finished, tmp_path, monkeypatch):
    path, bad = tmp_path / "failing.h5", SolutionTask(Cell(31, 0, "SGD"), 1)
    fit = bl.fit

    def failing(machine, patterns, algorithm, seed):
        if machine.n_inputs == 31 and failing.left:
            failing.left -= 1
            if failing.left == 0:
                raise ArithmeticError("planted")
        return fit(machine, patterns, algorithm, seed)

    failing.left = 2
    with monkeypatch.context() as patch:
        patch.setattr("binland.sweep.shallow.fit", failing)
        store = bl.run_sweep(spec(), path)
    states = store.states()
    assert states[bad] == FAILED
    skipped = [task for task in states if isinstance(task, PairTask) and bad in task.needs]
    assert all(state == DONE for task, state in states.items() if task not in [bad, *skipped])
    assert "ArithmeticError: planted" in store.failures()[bad]
    assert count_states(states) == {"done": 29, "running": 0, "failed": 1, "blocked": 2, "left": 0}
    bl.run_sweep(spec(), path)
    assert store.states() == states
    bl.run_sweep(spec(), path, retry_failed=True)
    assert_same_numbers(finished, path)


def test_a_file_can_be_read_while_a_run_goes_on(tmp_path):
    path, seen = tmp_path / "live.h5", []
    bl.run_sweep(spec(), path, report=lambda p: seen.append(int((bl.load_results(path)["solution_state"] == 1).sum())))
    assert seen[0] == 1
    assert seen[-1] == 16


@pytest.mark.parametrize("workers", [0, -1, 1.5])
def test_bad_numbers_of_workers_are_refused(tmp_path, workers):
    with pytest.raises(InvalidInputError, match="workers="):
        bl.run_sweep(spec(), tmp_path / "x.h5", workers=workers)
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 99}, r"n_inputs=99 is not in the file, which has 21, 31$"),
        ({"size": [21]}, r"n_inputs=\[21\] is not in the file, which has 21, 31$"),
        ({"size": True}, r"n_inputs=True is not in the file"),
        ({"size": 21.0}, r"n_inputs=21.0 is not in the file"),
        ({"size": np.array([21])}, r"n_inputs=ndarray of shape \(1,\) and type int64 is not in the file"),
        ({"disorder": 2}, r"disorder=2 is not in the file, which has 0 ... 1$"),
        ({"disorder": -0.0}, r"disorder=-0.0 is not in the file"),
        ({"disorder": -1}, r"disorder=-1 is not in the file"),
        ({"solution": "0"}, r"solution='0' is not in the file, which has 0 ... 1$"),
        ({"algorithm": "ADV"}, r"algorithm='ADV' is not one of its labels 'SGD', 'RSGD'$"),
        ({"algorithm": ["SGD"]}, r"algorithm=\['SGD'\] is not one of its labels"),
        ({"algorithm": "x" * 10**6}, r"algorithm='xxx.*xxx' is not one of its labels"),
    ],
)
def test_a_solution_that_is_not_there_is_named(finished, wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        bl.load_solution(finished, **{"size": 21, "algorithm": "SGD", **wrong})


def test_whole_numbers_of_numpy_name_a_solution_too(finished):
    found = bl.load_solution(finished, np.int64(21), "SGD", disorder=np.uint8(1))
    assert np.array_equal(found.weights, bl.load_solution(finished, 21, "SGD", 1).weights)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"part": part} for part in ("1/2", (1.0, 2), (0, 0), (1, 2, 3), (3, 2), 7, np.array([1, 2]))),
        *({"workers": workers} for workers in (0, 1.0, "2", True, None)),
        *({name: value} for name in ("smoke", "extend", "retry_failed") for value in (1, "yes", None)),
        *({"profile": profile} for profile in (3, ["smoke"], "tiny", b"smoke")),
        *({"scheduler": scheduler} for scheduler in (8786, b"tcp://host:1", ["tcp://host:1"])),
        *({"report": report} for report in (3, "print")),
        *({"config": config} for config in (3, None, b"x.toml", [], "a\0b", "x" * 10**6, "x" * 300, {}, {"model": 3})),
        *({"out": out} for out in (3, None, b"x.h5", [], "a\0b", "x" * 10**6, "x" * 300)),
        {"config": spec(), "smoke": True},
        {"config": spec(), "profile": "cpu"},
        {"smoke": True, "profile": "cpu"},
    ],
    ids=lambda wrong: " ".join(wrong),
)
def test_wrong_arguments_are_one_line_before_anything_is_written(tmp_path, wrong):
    (tmp_path / "small.toml").write_text(TEXT)
    with pytest.raises((InvalidInputError, StoreError)) as caught:
        bl.run_sweep(**{"config": tmp_path / "small.toml", "out": tmp_path / "out.h5", **wrong})
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 2000
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


def test_a_part_without_tasks_is_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="part = 7/7 has no tasks: sizes and disorder samples make 4 parts at most"):
        bl.run_sweep(spec(), tmp_path / "out.h5", part=(7, 7))


def test_a_configuration_may_be_its_tables(finished, tmp_path):
    bl.run_sweep(tomllib.loads(TEXT), tmp_path / "out.h5", profile="smoke")
    assert bl.load_results(tmp_path / "out.h5")["n_inputs"].values.tolist() == [21]
    bl.run_sweep(settings(), tmp_path / "whole.h5")
    assert_same_numbers(finished, tmp_path / "whole.h5")


def test_data_beyond_the_memory_of_this_machine_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("binland.checks.memory", lambda: 2**30)
    with pytest.raises(InvalidInputError, match=r"100050 patterns of 10001 inputs .* would take"):
        bl.run_sweep(spec(data={"n_patterns": 10**5}, grid={"n_inputs": [21, 10_001]}), tmp_path / "out.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_task_that_is_refused_fails_with_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("binland.sweep.shallow.Shallow.check_ready", lambda *_: None)  # as on a cluster's client
    monkeypatch.setattr("binland.checks.memory", lambda: 1000)
    store = bl.run_sweep(spec(), tmp_path / "out.h5")
    failures = set(store.failures().values())
    assert failures
    assert all(re.fullmatch("InvalidInputError: .* of memory; this machine has .*", text) for text in failures)


def test_perceptron_sweep_and_exact_energies(tmp_path):
    text = TEXT.replace('kind = "committee"\nn_hidden = 5', 'kind = "perceptron"').replace(
        "realizations = 3", 'method = "exact"'
    )
    config = tmp_path / "perceptron.toml"
    config.write_text(text)
    bl.run_sweep(config, tmp_path / "out.h5", smoke=True)
    data = bl.load_results(tmp_path / "out.h5")
    assert data.sizes["realization"] == 1
    assert np.array_equal(data["distance"].sel(symmetry="raw"), data["distance"].sel(symmetry="aligned"))
