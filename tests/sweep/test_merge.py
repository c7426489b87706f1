import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.sweep.execute import Outcome
from binland.sweep.store.layout import DONE, FAILED
from binland.sweep.store.merge import merge
from binland.sweep.store.store import Store, count_states
from binland.sweep.store.writer import writing
from binland.sweep.tasks import Cell, SolutionTask, all_tasks
from tests.sweep.small import assert_same_numbers, changed, outcome_of, spec

TASK = SolutionTask(Cell(21, 0, "SGD"), 1)
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
    assert merged.spec.grid.n_inputs == [21, 31, 41]
    assert list(merged.spec.algorithms) == ["SGD", "RSGD", "wide"]
    bl.run_sweep(merged.spec, tmp_path / "all.h5")
    bl.run_sweep(merged.spec, tmp_path / "anew.h5")
    assert_same_numbers(tmp_path / "anew.h5", tmp_path / "all.h5", merged.spec)


@pytest.mark.parametrize("variable", ["train_error", "local_energy", "weights"])
def test_files_that_disagree_are_not_merged(finished, tmp_path, variable):
    other = tmp_path / "other.h5"
    other.write_bytes(finished.read_bytes())
    with changed(other) as file:
        value = file[variable][1, 0, 0, 1]
        file[variable][1, 0, 0, 1] = value + 1
    message = rf"disagree on solution 1 of n_inputs = 31, disorder = 0, SGD: {variable} differs"
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
    with writing(tmp_path / "live.h5", spec()) as writer:
        writer.record(TASK, outcome_of(finished, TASK, train_error=np.array(0.25)))
        merged = merge([tmp_path / "live.h5"], tmp_path / "all.h5")
    assert merged.values(TASK, "train_error") == 0.25


def test_an_older_file_becomes_one_that_can_be_continued(tmp_path):
    merged = merge([GOLDEN / "binland-sweep-1.h5"], tmp_path / "new.h5")
    assert set(merged.states().values()) == {DONE}
    assert_same_numbers(GOLDEN / "binland-sweep-1.h5", tmp_path / "new.h5", merged.spec)
    executed = []
    larger = merged.spec.model_copy(update={"grid": merged.spec.grid.model_copy(update={"disorder_samples": 2})})
    bl.run_sweep(larger, tmp_path / "new.h5", extend=True, report=executed.append)
    assert len(executed) == len(all_tasks(larger)) // 2


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
