import numpy as np
import pytest
import xarray as xr

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.sweep import run
from binland.sweep.store import DONE, FAILED, Store
from binland.sweep.tasks import Cell, PairTask, SolutionTask, all_tasks
from tests.sweep.small import TEXT, spec

TIMES = ["solution_seconds", "pair_seconds"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "whole.h5"
    bl.run_sweep(spec(), path)
    return path


def assert_same_numbers(path, other):
    a, b = (bl.load_results(p).drop_vars(TIMES) for p in (path, other))
    xr.testing.assert_identical(a.drop_attrs(), b.drop_attrs())
    for task in all_tasks(spec()):
        if isinstance(task, SolutionTask):
            shape = (5, task.cell.n_inputs)
            assert np.array_equal(Store.open(path).weights(task, shape), Store.open(other).weights(task, shape))


def test_two_workers_give_the_numbers_of_one(finished, tmp_path):
    bl.run_sweep(spec(), tmp_path / "two.h5", workers=2)
    assert_same_numbers(finished, tmp_path / "two.h5")


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
    assert data.attrs["schema"] == "binland-sweep-1"
    assert {"config", "git", "host", "version_numba", "created"} <= set(data.attrs)


def test_stored_numbers_are_those_of_the_stored_solutions(finished):
    data = bl.load_results(finished)
    from binland.sweep.execute import _problem

    _, train, test = _problem(spec().canonical(), 31, 1)
    a, b = (bl.load_solution(finished, 31, "RSGD", disorder=1, solution=k) for k in (0, 1))
    point = data.sel(n_inputs=31, disorder=1, algorithm="RSGD")
    assert float(point["train_error"].sel(solution=0)) == a.error(train) == a.history[-1]
    assert float(point["test_error"].sel(solution=0)) == a.error(test)
    pair = point.sel(pair=0)
    assert float(pair["distance"].sel(symmetry="raw")) == bl.hamming(a, b)
    assert float(pair["distance"].sel(symmetry="aligned")) == bl.hamming(a, bl.align(b, to=a).solution)
    ends = pair["path_error"].isel(position=[0, -1])
    assert np.allclose(ends, [a.error(train), b.error(train)])
    assert a.history.shape == (3,)


def test_a_larger_grid_changes_no_other_number(finished, tmp_path):
    larger = spec(grid={"n_inputs": [11, 21, 31], "disorder_samples": 3}, measure={"orders": 3})
    bl.run_sweep(larger, tmp_path / "larger.h5")
    old, new = bl.load_results(finished), bl.load_results(tmp_path / "larger.h5")
    shared = new.sel(n_inputs=old["n_inputs"], disorder=old["disorder"], order=old["order"])
    for name in ("train_error", "test_error", "local_energy", "history", "distance", "barrier"):
        xr.testing.assert_equal(shared[name].drop_attrs(), old[name].drop_attrs())


class Stop(Exception):
    """Interrupts a run."""


def stop_after(count):
    def report(progress):
        if progress.done + progress.failed - progress.done_before >= count:
            raise Stop

    return report


def test_an_interrupted_sweep_goes_on_and_repeats_nothing(finished, tmp_path, monkeypatch):
    path, executed = tmp_path / "parts.h5", []
    execute = run.execute
    monkeypatch.setattr(run, "execute", lambda text, task, w: executed.append(task) or execute(text, task, w))
    for count in (1, 5, 9):
        with pytest.raises(Stop):
            bl.run_sweep(spec(), path, report=stop_after(count))
    bl.run_sweep(spec(), path)
    assert len(executed) == len(set(executed)) == len(all_tasks(spec()))
    assert_same_numbers(finished, path)
    bl.run_sweep(spec(), path)
    assert len(executed) == len(all_tasks(spec()))


def test_another_configuration_is_refused_and_nothing_is_changed(finished):
    before = finished.read_bytes()
    with pytest.raises(StoreError, match="holds a sweep with other settings \\(seed: 3 -> 4\\)"):
        bl.run_sweep(spec(seed=4), finished)
    assert finished.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n truncated"])
def test_a_foreign_file_is_refused_and_not_touched(tmp_path, content):
    path = tmp_path / "mine.h5"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read as HDF5"):
        bl.run_sweep(spec(), path)
    assert path.read_bytes() == content


def test_another_hdf5_file_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "other.h5"
    xr.Dataset({"x": 1}).to_netcdf(path, engine="h5netcdf")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is not a binland-sweep-1 file"):
        bl.run_sweep(spec(), path)
    assert path.read_bytes() == before


def test_two_writers_at_once_are_refused(tmp_path):
    path = tmp_path / "busy.h5"
    store = Store.open_or_create(path, spec())
    with store.writing(), pytest.raises(StoreError, match="another process is writing"):
        bl.run_sweep(spec(), path)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be created"):
        bl.run_sweep(spec(), tmp_path / "file" / "out.h5")


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
        patch.setattr("binland.sweep.execute.fit", failing)
        store = bl.run_sweep(spec(), path)
    states = store.states()
    assert states[bad] == FAILED
    skipped = [task for task in states if isinstance(task, PairTask) and bad in task.needs]
    assert all(state == DONE for task, state in states.items() if task not in [bad, *skipped])
    assert "ArithmeticError: planted" in store.failures()[bad]
    bl.run_sweep(spec(), path)
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


def test_a_solution_that_is_not_there_is_named(finished):
    with pytest.raises(InvalidInputError, match="not among its finished solutions"):
        bl.load_solution(finished, 99, "SGD")


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
