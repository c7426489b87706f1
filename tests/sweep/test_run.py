import json
import math
import re
import shutil
import tomllib

import numpy as np
import pytest
import xarray as xr

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.plots import plot_results
from binland.sweep import workers
from binland.sweep.execute import draw
from binland.sweep.identity import identify
from binland.sweep.naming import problem_key, streams
from binland.sweep.store.layout import DONE, FAILED, SCHEMA
from binland.sweep.store.store import Store, count_states
from binland.sweep.store.tables import finished as finished_tasks
from binland.sweep.store.writer import writing
from binland.sweep.tasks import Task
from tests.sweep.small import TEXT, assert_same_numbers, cell, pair, settings, spec, tasks, training


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
    assert data.attrs["schema"] == SCHEMA
    assert {"config", "git", "host", "version_numba", "created"} <= set(data.attrs)


@pytest.mark.parametrize("flips", ["count", "independent"])
def test_a_sweep_is_what_its_parts_give_by_hand(tmp_path, flips):
    """Every stored number of a cell, from the public functions and the documented streams."""
    small = spec(data={"teacher_kind": "gaussian", "feature_kind": "binary"}, measure={"flips": flips, "orders": 3})
    path = tmp_path / "out.h5"
    bl.run_sweep(small, path)
    one = cell(31, 1, "RSGD")
    key = {
        "disorder": 1,
        "feature_kind": "binary",
        "latent_dim": 11,
        "n_inputs": 31,
        "n_patterns": 30,
        "seed": 3,
        "teacher_kind": "gaussian",
    }
    assert problem_key(small, small.at(one.point), 1) == key

    def drawn(purpose):
        return identify(key | {"purpose": purpose}).seed

    manifold = bl.HiddenManifold(31, 11, drawn("manifold"), "gaussian", "binary")
    train, test = manifold.sample(30, drawn("train")), manifold.sample(50, drawn("test"))
    machine, algorithm = bl.CommitteeMachine(31, 5), bl.RSGD(epochs=3, replicas=2)
    solutions = [bl.fit(machine, train, algorithm, streams(small, training(one, k))["fit"].seed) for k in range(2)]
    point = bl.load_results(path).sel(n_inputs=31, disorder=1, algorithm="RSGD")
    for k, solution in enumerate(solutions):
        found = point.sel(solution=k)
        stream = streams(small, Task("local_energy", one, (k,)))["local_energy"].seed
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
        stream = streams(small, pair(one, 0, 1))[symmetry].seed
        barrier = bl.barrier(start, moved, train, 3, stream)
        assert float(found["distance"]) == bl.hamming(start, moved)
        assert np.array_equal(found["barrier"], barrier.samples)
        assert float(found["barrier_of_mean"]) == barrier.max_of_mean
        assert np.array_equal(found["path_error"][[0, -1]], barrier.profile[[0, -1]])
    assert float(point["distance"].sel(pair=0, symmetry="raw")) > float(
        point["distance"].sel(pair=0, symmetry="aligned")
    )


def test_train_test_and_disorder_samples_are_different_draws():
    small, point = spec(), cell(31).point
    problems = [draw(small, point, disorder) for disorder in (0, 1)]
    train, test, other = problems[0].train, problems[0].test, problems[1].train
    rows = [{row.tobytes() for row in patterns.inputs} for patterns in (train, test, other)]
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    keys = [problem_key(small, small.at(point), disorder) | {"purpose": "manifold"} for disorder in (0, 1)]
    manifolds = [bl.HiddenManifold(31, 11, identify(key).seed, "binary", "gaussian") for key in keys]
    for manifold, key, problem in zip(manifolds, keys, problems, strict=True):
        again = manifold.sample(30, identify(key | {"purpose": "train"}).seed)
        assert np.array_equal(again.inputs, problem.train.inputs)
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
    assert plot_results(path, tmp_path)[0].exists()


def test_a_larger_grid_changes_no_other_number(finished, tmp_path):
    measure = {"orders": 3, "fractions": [0.02, 0.1, 0.05], "realizations": 4}
    larger = spec(grid={"n_inputs": [11, 21, 31], "disorder_samples": 3}, measure=measure)
    bl.run_sweep(larger, tmp_path / "larger.h5")
    old, new = bl.load_results(finished), bl.load_results(tmp_path / "larger.h5")
    shared = new.sel({dim: old[dim] for dim in ("n_inputs", "disorder", "order", "fraction", "realization")})
    for name in ("train_error", "test_error", "local_energy", "history", "distance", "barrier"):
        xr.testing.assert_equal(shared[name].drop_attrs(), old[name].drop_attrs())


def everything(path):
    """Every number of a file by task and variable, times apart, without padding."""
    with Store.open(path).snapshot() as snapshot:
        axes = [axis.values for axis in snapshot.layout.axes]
        for task, outcome in finished_tasks(snapshot):
            values = tuple(values[k] for values, k in zip(axes, task.cell.point, strict=True))
            name = (task.kind, values, task.cell.disorder, task.cell.algorithm, task.solutions, task.repeat, task.to)
            yield from (((*name, variable), array) for variable, array in outcome.arrays.items())


def executed_in(small, path, patch, **options):
    """The tasks that a run does."""
    executed, execute = [], workers.execute
    with patch.context() as patched:
        patched.setattr(workers, "execute", lambda text, job: executed.append(job.task) or execute(text, job))
        bl.run_sweep(small, path, **options)
    return executed


ADDED = {
    "a measure": ({"bend": {"midpoints": 1, "orders": 2}}, {"bend"}, 16),
    "two measures": ({"bend": {"midpoints": 2, "orders": 1}, "errors": True}, {"bend"}, 32),
    "a fraction": ({"fractions": [0.2, 0.05, 0.1]}, {"local_energy"}, 16),
    "a realisation": ({"realizations": 4}, {"local_energy"}, 16),
    "an order": ({"pair": {"orders": 4}}, {"pair"}, 16),
    "pairs of two algorithms": ({"pair": {"orders": 2, "pairs": "all"}}, {"across_pair"}, 32),
}


@pytest.mark.parametrize("what", ADDED)
def test_an_extension_by_what_is_measured_trains_nothing_and_changes_no_other_number(
    finished, tmp_path, monkeypatch, what
):
    change, kinds, count = ADDED[what]
    path = tmp_path / "out.h5"
    shutil.copyfile(finished, path)
    measure = {"local_energy": {"fractions": [0.05, 0.1], "realizations": 3}, "pair": {"orders": 2}}
    for name, settings_of in change.items():
        if name in ("fractions", "realizations"):
            measure["local_energy"][name] = settings_of
        else:
            measure[name] = settings_of
    more = settings() | {"measure": measure}
    with pytest.raises(StoreError, match="add --extend to add the new tasks"):
        bl.run_sweep(more, path)
    before = dict(everything(path))
    executed = executed_in(more, path, monkeypatch, extend=True)
    assert {task.kind for task in executed} == kinds
    assert len(executed) == count
    after = dict(everything(path))
    assert before.keys() <= after.keys()
    for name, values in before.items():
        if name[0] not in kinds:
            assert_same_but_padding(values, after[name])
    assert set(Store.open(path).states().values()) == {DONE}
    bl.run_sweep(more, tmp_path / "anew.h5")
    for name, values in everything(tmp_path / "anew.h5"):
        assert np.array_equal(values, after[name], equal_nan=values.dtype.kind == "f"), name
    assert executed_in(more, path, monkeypatch) == []


def assert_same_but_padding(before, after):
    shared = tuple(slice(0, length) for length in before.shape)
    assert np.array_equal(before, after[shared], equal_nan=before.dtype.kind == "f")
    padding = np.array(after)
    padding[shared] = 0
    assert not np.nan_to_num(padding).any()


def test_an_extension_by_a_repetition_does_the_new_ones_only(tmp_path, monkeypatch):
    path = tmp_path / "out.h5"

    def bent(midpoints, **grid):
        return settings(grid=grid) | {"measure": {"bend": {"midpoints": midpoints, "orders": 2}, "pair": False}}

    bl.run_sweep(bent(1), path)
    before = dict(everything(path))
    executed = executed_in(bent(3), path, monkeypatch, extend=True)
    assert {(task.kind, task.repeat) for task in executed} == {("bend", 1), ("bend", 2)}
    after = dict(everything(path))
    for name, values in before.items():
        assert np.array_equal(values, after[name], equal_nan=values.dtype.kind == "f"), name
    executed = executed_in(bent(3, solutions=3), path, monkeypatch, extend=True)
    assert {task.solutions for task in executed if task.kind == "solution"} == {(2,)}
    bl.run_sweep(bent(3, solutions=3), tmp_path / "anew.h5")
    assert_same_numbers(tmp_path / "anew.h5", path, Store.open(path).spec)


def test_another_title_or_figure_is_no_other_sweep(finished, tmp_path, monkeypatch):
    path = tmp_path / "out.h5"
    shutil.copyfile(finished, path)
    before = dict(everything(path))
    other = settings(title="another") | {"figure": {"local_energy": {"inset_fraction": 0.05}}}
    assert executed_in(other, path, monkeypatch) == []
    assert Store.open(path).title == bl.load_results(path).attrs["title"] == "another"
    assert Store.open(path).settings["figure"]["local_energy"]["inset_fraction"] == 0.05
    for name, values in everything(path):
        assert np.array_equal(values, before[name], equal_nan=values.dtype.kind == "f"), name


def test_what_is_left_out_is_no_extension(finished, tmp_path):
    path = tmp_path / "out.h5"
    shutil.copyfile(finished, path)
    for measure, message in (
        ({"errors": False}, "remove measure.errors"),
        ({"fractions": [0.05, 0.2]}, r"change measure.local_energy.fractions from \[0.05, 0.1\] to \[0.05, 0.2\]"),
        ({"flips": "independent"}, "change measure.local_energy.flips from 'count' to 'independent'"),
        ({"orders": 1}, "change measure.pair.orders from 2 to 1"),
    ):
        with pytest.raises(StoreError, match=message) as caught:
            bl.run_sweep(spec(measure=measure), path, extend=True)
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == finished.read_bytes()


def test_latents_that_were_not_kept_are_named_when_a_measure_needs_them(finished, tmp_path):
    path = tmp_path / "out.h5"
    shutil.copyfile(finished, path)
    with pytest.raises(StoreError, match=r"store latent weights.*, which were not kept when the solutions") as caught:
        bl.run_sweep(spec(store={"latents": True}), path, extend=True)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == finished.read_bytes()


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
    assert len(executed) == len(set(executed)) == len(tasks(spec()))
    assert_same_numbers(finished, path)
    bl.run_sweep(spec(), path)
    assert len(executed) == len(tasks(spec()))


def test_a_failed_task_is_recorded_and_the_sweep_goes_on(finished, tmp_path, monkeypatch):
    path, bad = tmp_path / "failing.h5", training(cell(31), 1)
    fit = bl.fit

    def failing(machine, patterns, algorithm, seed):
        if machine.n_inputs == 31 and failing.left:
            failing.left -= 1
            if failing.left == 0:
                raise ArithmeticError("planted")
        return fit(machine, patterns, algorithm, seed)

    failing.left = 2
    with monkeypatch.context() as patch:
        patch.setattr("binland.families.shallow.fit", failing)
        store = bl.run_sweep(spec(), path)
    states = store.states()
    assert states[bad] == FAILED
    skipped = [task for task in states if bad in task.needs]
    assert all(state == DONE for task, state in states.items() if task not in [bad, *skipped])
    assert "ArithmeticError: planted" in store.failures()[bad]
    assert count_states(states) == {"done": 59, "running": 0, "failed": 1, "blocked": 4, "left": 0}
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
    with pytest.warns(UserWarning, match="part = 7/7 has no tasks: points and disorder samples make 4 parts at most"):
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
    monkeypatch.setattr("binland.sweep.run.check_ready", lambda _: None)  # as on a cluster's client
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
