import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.sweep import older, workers
from binland.sweep.config import check_settings
from binland.sweep.store.layout import DONE, FAILED, SCHEMA
from binland.sweep.store.merge import merge
from binland.sweep.store.store import Store, count_states
from binland.sweep.store.writer import writing
from binland.sweep.tasks import Outcome
from tests.sweep.small import assert_same_numbers, cell, changed, errors, outcome_of, settings, spec, tasks, training

TASK = training(cell(), 1)
GOLDEN = Path(__file__).parents[1] / "golden"


def test_array_jobs_make_the_whole(finished, tmp_path):
    paths = [tmp_path / f"part{k}.h5" for k in (1, 2, 3)]
    for k, path in enumerate(paths, 1):
        bl.run_sweep(spec(), path, part=(k, 3))
    merge(paths[:2], tmp_path / "two.h5")
    assert count_states(Store.open(tmp_path / "two.h5").states())["left"] > 0
    merge([tmp_path / "two.h5", paths[2], paths[0]], tmp_path / "all.h5")
    assert_same_numbers(finished, tmp_path / "all.h5")


def test_files_with_other_grids_make_a_larger_one(finished, tmp_path):
    wide = spec(algorithms={"SGD": {"epochs": 6}})
    with writing(tmp_path / "wide.h5", wide):
        pass
    with pytest.raises(StoreError, match=r"wide.h5: is not of the same sweep as .* change algorithms.SGD"):
        merge([finished, tmp_path / "wide.h5"], tmp_path / "all.h5")
    assert not (tmp_path / "all.h5").exists()
    other = spec(grid={"n_inputs": [41], "solutions": 3}, algorithms={"wide": {"kind": "SGD", "epochs": 6}})
    bl.run_sweep(other, tmp_path / "other.h5")
    merged = merge([finished, tmp_path / "other.h5"], tmp_path / "all.h5")
    assert [axis.values for axis in merged.layout.axes] == [(21, 31, 41)]
    assert merged.layout.labels == ("SGD", "RSGD", "wide")
    bl.run_sweep(merged.spec, tmp_path / "all.h5")
    bl.run_sweep(merged.spec, tmp_path / "anew.h5")
    assert_same_numbers(tmp_path / "anew.h5", tmp_path / "all.h5", merged.spec)


@pytest.mark.parametrize(
    ("variable", "task"),
    [
        ("train_error", "errors of solution 1"),
        ("local_energy", "local_energy of solution 1"),
        ("weights", "solution 1"),
        ("barrier", "pair of 1 -> 0"),
    ],
)
def test_files_that_disagree_are_not_merged(finished, tmp_path, variable, task):
    other = tmp_path / "other.h5"
    other.write_bytes(finished.read_bytes())
    with changed(other) as file:
        value = file[variable][1, 0, 0, 1]
        file[variable][1, 0, 0, 1] = value + 1
    message = rf"disagree on {task} of n_inputs = 31, disorder = 0, SGD: {variable} differs"
    with pytest.raises(StoreError, match=message):
        merge([finished, other], tmp_path / "all.h5")
    assert not (tmp_path / "all.h5").exists()


def test_padding_is_no_disagreement_and_a_missing_number_is(finished, tmp_path):
    longer = spec(grid={"n_inputs": [21, 51]}, algorithms={"SGD": {"epochs": 4}, "ADV": {"epochs": 9}})
    bl.run_sweep(longer, tmp_path / "longer.h5")
    merge([finished, tmp_path / "longer.h5"], tmp_path / "all.h5")
    with changed(tmp_path / "longer.h5") as file:
        file["history"][0, 0, 0, 0, 3] = np.nan
    with pytest.raises(StoreError, match="history differs"):
        merge([finished, tmp_path / "longer.h5"], tmp_path / "again.h5")


@pytest.mark.parametrize("turned", [False, True])
def test_done_goes_before_failed(finished, tmp_path, turned):
    with writing(tmp_path / "failed.h5", spec()) as writer:
        writer.record(TASK, Outcome({}, 1.0, "planted"))
    sources = [finished, tmp_path / "failed.h5"]
    merge(sources[::-1] if turned else sources, tmp_path / "all.h5")
    assert_same_numbers(finished, tmp_path / "all.h5")
    assert merge([tmp_path / "failed.h5"], tmp_path / "copy.h5").failures() == {TASK: "planted"}
    assert Store.open(tmp_path / "copy.h5").states()[TASK] == FAILED


def test_a_journal_is_merged_too(finished, tmp_path):
    measured = errors(cell(), 1)
    with writing(tmp_path / "live.h5", spec()) as writer:
        writer.record(measured, outcome_of(finished, measured, train_error=np.array(0.25)))
        merged = merge([tmp_path / "live.h5"], tmp_path / "all.h5")
    assert merged.values(measured, "train_error") == 0.25


@pytest.mark.parametrize("schema", [*older.SCHEMAS, SCHEMA])
def test_a_file_whose_machines_were_trained_in_float32_is_told_apart(tmp_path, schema):
    old, path = GOLDEN / f"{schema}.h5", tmp_path / "copy.h5"
    shutil.copyfile(old, path)
    octets = path.read_bytes()
    with pytest.raises(StoreError, match=r"binland 0.1.0, which (trained SGD|trains) in another way"):
        merge([path], tmp_path / "new.h5")
    assert not (tmp_path / "new.h5").exists()
    if schema == SCHEMA:
        with pytest.raises(StoreError, match=r"draws other random numbers for solution 0 .* choose another --out"):
            bl.run_sweep(Store.open(path).spec, path)
    assert path.read_bytes() == octets
    assert bl.load_results(path).train_error.notnull().all()


@pytest.mark.parametrize("schema", older.SCHEMAS)
def test_an_older_file_whose_algorithms_are_what_they_were_can_be_continued_and_extended(tmp_path, schema, monkeypatch):
    monkeypatch.setattr(bl.SGD, "recipe", 1)  # as if training were what it was then, as it is for deep networks
    old, path = GOLDEN / f"{schema}.h5", tmp_path / "new.h5"
    merged = merge([old], path)
    assert merged.schema == SCHEMA
    assert set(merged.states().values()) == {DONE}
    before, after = bl.load_results(old), bl.load_results(path)
    measured = (f"{kind}_{name}" for kind in ("errors", "local_energy") for name in ("state", "seconds"))
    new = {"barrier_points", *measured}
    assert {*after.variables} - {*before.variables} == new
    xr.testing.assert_identical(before.drop_attrs(), after.drop_vars(new).drop_attrs())
    for of in ({"n_inputs": size, "algorithm": label} for size in (11, 21) for label in ("SGD", "RSGD")):
        for k in range(2):
            one, two = (bl.load_solution(p, solution=k, **of) for p in (old, path))
            assert np.array_equal(one.weights, two.weights)
            assert np.array_equal(one.history, two.history)
    octets = path.read_bytes()
    assert ran(merged.spec, path) == []
    assert path.read_bytes() == octets
    wanted = merged.spec.resolved()
    wanted["grid"] |= {"disorder_samples": 2}
    wanted["measure"] |= {"bend": {"midpoints": 1, "orders": 2}}
    larger = check_settings(wanted, "larger")
    executed = ran(larger, path, extend=True)
    assert {task.kind for task in executed if task.cell.disorder == 0} == {"bend"}
    assert len(executed) == len(tasks(larger)) - len(merged.states())
    assert set(Store.open(path).states().values()) == {DONE}
    extended = bl.load_results(path).sel(disorder=[0])
    xr.testing.assert_identical(extended[[*after]].drop_attrs(), after.drop_attrs())


def ran(small, path, **options):
    """The tasks that a run does."""
    executed, execute = [], workers.execute
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "execute", lambda text, job: executed.append(job.task) or execute(text, job))
        bl.run_sweep(small, path, **options)
    return executed


def test_files_with_other_measures_make_one_with_all(finished, tmp_path):
    """Each has trained the same solutions; the bends of one and the finer energies of the other are in the whole."""
    bent = {"errors": False, "local_energy": False, "pair": False, "bend": {"midpoints": 1, "orders": 2}}
    bl.run_sweep(settings() | {"measure": bent}, tmp_path / "bent.h5")
    assert Store.open(tmp_path / "bent.h5").layout.kinds.keys() == {"solution", "bend"}
    assert ran(settings() | {"measure": bent}, tmp_path / "bent.h5") == []  # what is left out stays so
    finer = spec(measure={"fractions": [0.05, 0.1, 0.2], "realizations": 4})
    bl.run_sweep(finer, tmp_path / "finer.h5")
    merged = merge([finished, tmp_path / "bent.h5", tmp_path / "finer.h5"], tmp_path / "all.h5")
    assert merged.layout.kinds.keys() == {"solution", "errors", "local_energy", "pair", "bend"}
    assert set(merged.states().values()) == {DONE}
    whole = bl.load_results(tmp_path / "all.h5")
    for name in ("bent", "finer"):
        one = bl.load_results(tmp_path / f"{name}.h5")
        one = one.drop_vars([variable for variable in one if variable.endswith("_seconds")])
        xr.testing.assert_identical(one.drop_attrs(), whole[[*one.data_vars]][[*one.variables]].drop_attrs())
    assert ran(merged.spec, tmp_path / "all.h5") == []


def test_measures_that_cannot_be_joined_are_not_merged(finished, tmp_path):
    bl.run_sweep(spec(measure={"flips": "independent"}), tmp_path / "other.h5")
    with pytest.raises(StoreError, match=r"other.h5: .*local_energy.flips from 'independent' to 'count'"):
        merge([finished, tmp_path / "other.h5"], tmp_path / "all.h5")


def test_a_file_with_other_ids_is_not_merged(finished, tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(finished.read_bytes())
    with changed(other) as file:
        file["solution_id"][...] = "0" * 64
    with pytest.raises(StoreError, match="draws other random numbers"):
        merge([other], tmp_path / "all.h5")


def test_a_merged_file_names_its_sources(finished, tmp_path):
    merge([finished], tmp_path / "all.h5")
    with h5py.File(finished) as old, h5py.File(tmp_path / "all.h5") as new:
        (source,) = json.loads(new.attrs["sources"])
        assert source["path"] == str(finished)
        assert source["created"] == old.attrs["created"]
        assert source["runs"] == old.attrs["runs"]


def test_nothing_is_overwritten_and_nothing_is_not_merged(finished, tmp_path):
    (tmp_path / "mine.h5").write_text("mine")
    with pytest.raises(StoreError, match=r"mine.h5: is there already; choose another --out"):
        merge([finished], tmp_path / "mine.h5")
    assert (tmp_path / "mine.h5").read_text() == "mine"
    for nothing in ([], "whole.h5", None, 3):
        with pytest.raises(InvalidInputError, match="is not a list of at least one result file"):
            merge(nothing, tmp_path / "none.h5")
    with pytest.raises(StoreError, match="cannot be created"):
        merge([finished], tmp_path / "mine.h5" / "all.h5")
