import json
import math
import os
import platform
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import binland as bl
from binland.errors import StoreError
from binland.sweep import older
from binland.sweep.config import check_settings
from binland.sweep.store import journal as journals
from binland.sweep.store import writer as writers
from binland.sweep.store.journal import JournalReader
from binland.sweep.store.layout import DONE, FAILED, LEFT, SCHEMA, in_layout
from binland.sweep.store.lock import lock_path
from binland.sweep.store.opening import READABLE
from binland.sweep.store.store import Store, count_states, journal_path
from binland.sweep.store.tables import check_outcomes
from binland.sweep.store.tables import finished as finished_tasks
from binland.sweep.store.writer import writing
from binland.sweep.tasks import TRAINING, Outcome
from tests.sweep.small import (
    TEXT,
    assert_same_numbers,
    cell,
    changed,
    errors,
    outcome_of,
    settings,
    spec,
    tasks,
    training,
)

ROOT = Path(__file__).parents[2]
TASK = training(cell(), 0)
KINDS = {
    "solution": ("history", "replica_error"),
    "errors": ("train_error", "test_error"),
    "local_energy": ("local_energy",),
    "pair": ("barrier", "path_error"),
}


@pytest.fixture
def copy(finished, tmp_path):
    path = tmp_path / "copy.h5"
    path.write_bytes(finished.read_bytes())
    return path


class Stop(Exception):
    """Interrupts a run."""


def run_some(path, count, small=None):
    """A run that is interrupted after some tasks, as if killed: the journal stays."""

    def stop(progress):
        if progress.finished == count:
            raise Stop

    close = writers.Writer.close
    writers.Writer.close = lambda self: None
    try:
        with pytest.raises(Stop):
            bl.run_sweep(small or spec(), path, report=stop)
    finally:
        writers.Writer.close = close


def refused(path, message, small=None, **options):
    """A run that is refused with a message and leaves the file, and the folder, as they were."""
    before = {p: p.read_bytes() for p in path.parent.iterdir() if p.is_file() and p.suffix != ".lock"}
    with pytest.raises(StoreError, match=message) as caught:
        bl.run_sweep(small or spec(), path, **options)
    assert "\n" not in str(caught.value)
    assert {p: p.read_bytes() for p in path.parent.iterdir() if p.is_file() and p.suffix != ".lock"} == before


# What is refused


def test_another_configuration_is_refused_with_all_that_differs(copy):
    changed = spec(seed=4, data={"n_test": 60}, measure={"orders": 3})
    refused(
        copy, r"\(data.n_test: 50 -> 60, measure.pair.orders: 2 -> 3, seed: 3 -> 4\); choose another --out", changed
    )


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n truncated"])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "mine.h5"
    path.write_bytes(content)
    refused(path, "cannot be read as HDF5")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_file_is_refused_by_all_who_read_it(copy, share):
    whole = copy.read_bytes()
    copy.write_bytes(whole[: int(share * len(whole))])
    refused(copy, "copy.h5: cannot be read as HDF5 .* complete")
    for read in (bl.load_results, lambda path: Store.open(path).states()):
        with pytest.raises(StoreError, match="cannot be read as HDF5"):
            read(copy)


def test_a_file_damaged_inside_is_one_clear_error(copy):
    octets = bytearray(copy.read_bytes())
    with h5py.File(copy) as file:
        info = file["path_error"].id.get_chunk_info(0)
    octets[info.byte_offset : info.byte_offset + info.size] = bytes(info.size)
    copy.write_bytes(octets)
    with pytest.raises(StoreError, match=r"copy\.h5: is damaged"):
        bl.load_results(copy)


def test_another_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "other.h5"
    xr.Dataset({"x": 1}).to_netcdf(path, engine="h5netcdf")
    refused(path, "is not a binland result of a known schema")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(StoreError, match="is a folder"):
        bl.run_sweep(spec(), tmp_path)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be created"):
        bl.run_sweep(spec(), tmp_path / "file" / "out.h5")


@pytest.mark.parametrize("made", [False, True], ids=["new", "existing"])
def test_a_folder_that_cannot_be_written_is_one_clear_error(finished, tmp_path, made):
    folder = tmp_path / "closed"
    if os.geteuid() == 0:  # who may write everywhere but there
        if made or not Path("/proc").is_dir():
            pytest.skip("the superuser can write to every folder")
        folder = Path("/proc")
    else:
        folder.mkdir()
        if made:
            (folder / "out.h5").write_bytes(finished.read_bytes())
        folder.chmod(0o555)
    with pytest.raises(StoreError, match=r"out.h5: its folder cannot be written \(.*\); choose another --out"):
        bl.run_sweep(spec(), folder / "out.h5")
    assert made == (folder / "out.h5").exists()


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path):
    path = tmp_path / "busy.h5"
    script = (
        "import sys, time; from tests.sweep.small import spec; from binland.sweep.store.writer import writing\n"
        f"with writing({str(path)!r}, spec()): print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "open\n"
        who = f"process {first.pid} on {platform.node()}"
        before = path.read_bytes()
        with pytest.raises(StoreError, match=rf"busy.h5: {who} \(since .*\) is writing it"):
            bl.run_sweep(spec(), path)
        assert path.read_bytes() == before
        assert Store.open(path).writer()["pid"] == first.pid
        first.kill()
    assert Store.open(path).writer() is None
    bl.run_sweep(spec(), path)
    assert set(Store.open(path).states().values()) == {DONE}


# Carrying on


def test_a_larger_grid_is_added_only_when_asked(finished, copy):
    larger = spec(
        grid={"n_inputs": [11, 31, 21], "disorder_samples": 3, "solutions": 3},
        algorithms={
            "ADV": {"epochs": 6, "pretrain_epochs": 1},
            "SGD": {"epochs": 4},
            "RSGD": {"epochs": 3, "replicas": 2},
        },
    )
    refused(copy, r"grid.disorder_samples: 2 -> 3.*; add --extend to add the new tasks", larger)
    executed = []
    bl.run_sweep(larger, copy, extend=True, report=executed.append)
    assert len(executed) == len(tasks(larger)) - len(tasks(spec()))
    assert set(Store.open(copy).states().values()) == {DONE}
    anew = copy.with_name("anew.h5")
    bl.run_sweep(larger, anew)
    assert_same_numbers(anew, copy, larger)
    with h5py.File(finished) as old, h5py.File(copy) as new:
        assert old.attrs["file_id"] == new.attrs["file_id"]
        assert [run["pid"] for run in json.loads(new.attrs["runs"])] == [os.getpid()] * 2
        for name in ("created", "host", "git", "code", "version_numba"):
            assert old.attrs[name] == new.attrs[name]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"n_inputs": [21, 41]}}, r"remove data.n_inputs = \[31\]"),
        ({"grid": {"disorder_samples": 1}}, "lower grid.disorder_samples from 2 to 1"),
        ({"algorithms": {"SGD": {"epochs": 4}}}, "remove algorithms.RSGD"),
        ({"algorithms": {"SGD": {"epochs": 5}, "RSGD": {"epochs": 3, "replicas": 2}}}, "change algorithms.SGD"),
        ({"seed": 4, "grid": {"solutions": 3}}, "change seed: 3 -> 4"),
    ],
)
def test_extend_changes_nothing_else(copy, changes, message):
    refused(copy, message, spec(**changes), extend=True)


def test_parts_of_a_grid_make_the_whole(finished, tmp_path):
    paths = [tmp_path / f"part{k}.h5" for k in (1, 2, 3)]
    for k, path in enumerate(paths, 1):
        bl.run_sweep(spec(), path, part=(k, 3))
    counts = [count_states(Store.open(path).states())["done"] for path in paths]
    assert sum(counts) == len(tasks(spec()))
    for path in paths:  # all algorithms in each
        done = bl.load_results(path)["solution_state"] == DONE
        assert bool((done.sum(["n_inputs", "disorder", "solution"]) > 0).all())
    assert max(counts) - min(counts) <= len(tasks(spec())) / 4
    bl.run_sweep(spec(), paths[0], part=(2, 3))
    assert count_states(Store.open(paths[0]).states())["done"] == counts[0] + counts[1]
    bl.run_sweep(spec(), paths[0])
    assert_same_numbers(finished, paths[0])


@pytest.mark.parametrize("kind", ["solution", "errors", "local_energy", "pair"])
def test_a_file_whose_tasks_have_other_ids_is_refused(copy, kind):
    with changed(copy) as file:
        file[f"{kind}_id"][...] = "0" * 64
    refused(copy, f"draws other random numbers for {kind}")


def test_a_link_to_a_file_stays_a_link(finished, tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "out.h5"
    link.symlink_to(tmp_path / "there" / "real.h5")
    run_some(link, 3)
    assert journal_path(tmp_path / "there" / "real.h5").exists()
    bl.run_sweep(spec(), link)
    assert link.is_symlink()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.h5"]
    assert_same_numbers(finished, link)


# While it is written


def test_a_journal_is_read_with_the_file_and_taken_in_by_the_next_run(finished, tmp_path):
    path = tmp_path / "out.h5"
    run_some(path, 5)
    assert journal_path(path).exists()
    with h5py.File(path) as file:
        assert not file["solution_state"][...].any()
    states = Store.open(path).states()
    assert list(states.values()).count(DONE) == 5
    data = bl.load_results(path)
    assert sum(int((data[f"{kind}_state"] == DONE).sum()) for kind in KINDS) == 5
    whole = bl.load_results(finished)
    for name, kind in ((name, kind) for kind, names in KINDS.items() for name in names):
        assert bool(data[f"{kind}_seconds"].notnull().equals(data[f"{kind}_state"] == DONE))
        xr.testing.assert_equal(data[name], whole[name].where(data[f"{kind}_state"] == DONE))
    done = next(task for task, state in states.items() if state == DONE)
    of = {"n_inputs": (21, 31)[done.cell.point[0]], "algorithm": done.cell.algorithm, "solution": done.solutions[0]}
    found = bl.load_solution(path, disorder=done.cell.disorder, **of)
    assert np.array_equal(found.weights, bl.load_solution(finished, disorder=done.cell.disorder, **of).weights)
    packed = spec().family.encode(found)["weights"]
    assert np.array_equal(packed, Store.open(finished).values(done, "weights")[: len(packed)])
    bl.run_sweep(spec(), path)
    assert not journal_path(path).exists()
    assert_same_numbers(finished, path)


@pytest.mark.slow
def test_a_running_sweep_can_be_read_at_any_moment(tmp_path, monkeypatch):
    """A reader in a tight loop beside a writer that replaces the file and its journal all the time."""
    path, count = tmp_path / "out.h5", 6
    script = (
        "import sys; from tests.sweep.small import spec; from binland.sweep.run import run_sweep\n"
        "from binland.sweep.store import writer; writer.UPDATE_EVERY, writer.UPDATE_SHARE = 0.01, 1e9\n"
        f"run_sweep(spec(grid={{'disorder_samples': {count}}}), {str(path)!r})"
    )
    seen = []
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as writer:
        while writer.poll() is None:
            if path.exists():
                data = bl.load_results(path)
                done = data["errors_state"] == DONE
                assert bool(data["train_error"].notnull().equals(done))
                assert bool(data["history"].isel(epoch=0).notnull().where(done, True).all())
                seen.append(int(done.sum()))
                assert sum(count_states(Store.open(path).states()).values()) == count * 32
    assert writer.returncode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 5
    assert set(Store.open(path).states().values()) == {DONE}


def test_a_failure_in_the_journal_is_known(tmp_path):
    path = tmp_path / "out.h5"
    with writing(path, spec()) as writer:
        writer.record(TASK, Outcome({}, 0.5, "Traceback: planted"))
        assert Store.open(path).failures() == {TASK: "Traceback: planted"}
        assert Store.open(path).states()[TASK] == FAILED
        assert Store.open(path).seconds()[TASK] == 0.5
    assert Store.open(path).failures() == {TASK: "Traceback: planted"}


def test_a_task_whose_workers_died_has_no_time_and_one_that_is_done_has(finished, tmp_path):
    """Also while others have taken time, from which the pace comes."""
    path, other = tmp_path / "out.h5", training(cell(), 1)
    with writing(path, spec()) as writer:
        writer.start([TASK, other])
        writer.record(other, outcome_of(finished, other))
        writer.record(TASK, Outcome({}, float("nan"), "every worker died"))
        with Store.open(path).snapshot() as snapshot:
            assert snapshot.pace() > 0
    assert math.isnan(Store.open(path).seconds()[TASK])
    with changed(path) as file:
        file["solution_state"][...] = DONE
    with pytest.raises(StoreError, match=r"is damaged \(a task that is done has taken no time\)"):
        Store.open(path).seconds()


def test_a_journal_of_another_file_is_refused(finished, copy):
    with writing(copy.with_name("other.h5"), spec()):
        content = journal_path(copy.with_name("other.h5")).read_bytes()
    journal_path(copy).write_bytes(content)
    refused(copy, "copy.h5.journal: belongs to another result file")
    journal_path(copy).write_text("my notes")
    refused(copy, "copy.h5.journal: belongs to another result file")


def test_a_journal_without_its_file_is_kept(tmp_path):
    path = tmp_path / "out.h5"
    run_some(path, 2)
    path.unlink()
    refused(path, "out.h5.journal: is there already; move it away, or its file back")


def test_a_damaged_journal_gives_what_is_whole_and_a_warning(finished, tmp_path):
    path = tmp_path / "out.h5"
    run_some(path, 5)
    octets = bytearray(journal_path(path).read_bytes())
    octets[-10] ^= 1
    journal_path(path).write_bytes(octets)
    assert list(Store.open(path).states().values()).count(DONE) == 4
    with pytest.warns(UserWarning, match="bytes of it are damaged; tasks recorded there are done again"):
        bl.run_sweep(spec(), path)
    assert_same_numbers(finished, path)
    (kept,) = tmp_path.glob("*.damaged-*")
    assert kept.read_bytes() == bytes(octets)


@pytest.mark.slow
def test_a_long_journal_is_taken_in_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "JOURNAL_BYTES", 1)
    monkeypatch.setattr(writers, "JOURNAL_SHARE", 0.0)
    seen = []

    def look(progress):
        with h5py.File(tmp_path / "out.h5") as file:
            seen.append(sum(int((file[f"{kind}_state"][...] == DONE).sum()) for kind in KINDS))

    bl.run_sweep(spec(), tmp_path / "out.h5", report=look)
    assert seen == list(range(1, 65))


@pytest.mark.slow
def test_weights_are_found_before_and_after_an_update(finished, copy):
    trainings = [task for task in tasks(spec()) if task.kind == TRAINING]
    expected = {task: Store.open(finished).values(task, "weights") for task in trainings}
    with writing(copy, spec()) as writer:
        for task in trainings:
            assert np.array_equal(writer.arrays(task, ["weights"])["weights"], expected[task])
            changed = ~outcome_of(finished, task).arrays["weights"]
            writer.record(task, outcome_of(finished, task, weights=changed))
            assert np.array_equal(writer.arrays(task, ["weights"])["weights"], changed)
            writer.update()
            padded = np.append(changed, np.zeros(len(expected[task]) - len(changed), np.uint8))
            assert np.array_equal(writer.arrays(task, ["weights"])["weights"], padded)


def test_numbers_of_another_type_are_kept_as_the_file_keeps_them(finished, tmp_path):
    path, measured = tmp_path / "out.h5", errors(cell(), 0)
    with writing(path, spec()) as writer:
        writer.record(measured, outcome_of(finished, measured, train_error=np.array(0)))
        writer.record(TASK, outcome_of(finished, TASK, history=np.ones(4, np.float32)))
        with pytest.raises(TypeError, match="Cannot cast"):
            writer.record(TASK, outcome_of(finished, TASK, weights=np.ones(14)))
        assert Store.open(path).values(measured, "train_error").dtype == np.float64
    assert Store.open(path).values(measured, "train_error") == 0
    assert Store.open(path).values(TASK, "history").tolist() == [1] * 4


def test_a_number_that_the_file_cannot_keep_does_not_read_as_it_was_written(finished):
    with Store.open(finished).snapshot() as snapshot:
        outcomes = dict(finished_tasks(snapshot))
        check_outcomes(snapshot.file, snapshot.layout, outcomes.items())
        arrays = outcomes[TASK].arrays
        outcomes[TASK] = outcomes[TASK]._replace(arrays=arrays | {"weights": arrays["weights"] + 0.4})
        with pytest.raises(ValueError, match="weights does not read as it was written"):
            check_outcomes(snapshot.file, snapshot.layout, outcomes.items())


def test_a_store_opened_before_an_extension_gives_the_same_numbers_after_it(finished, copy):
    before, expected = Store.open(copy), Store.open(finished)
    measured = errors(cell(), 0)
    larger = spec(grid={"n_inputs": [11, 21, 31]}, algorithms={"ADV": {"epochs": 6}, **settings()["algorithms"]})
    bl.run_sweep(larger, copy, extend=True)
    for task, name in ((measured, "train_error"), (TASK, "history"), (TASK, "weights")):
        there, was = before.values(task, name), expected.values(task, name)
        assert np.array_equal(there[: len(was)] if was.ndim else there, was), name
    assert (before.states(), before.seconds()) == (expected.states(), expected.seconds())


def test_a_journal_that_is_read_before_an_extension_and_a_file_after_it_are_not_mixed(finished, tmp_path, monkeypatch):
    """The places of the tasks of that journal are others in this file."""
    path = tmp_path / "out.h5"
    run_some(path, 20)
    store, read = Store.open(path), Store._journal

    def late(self, stack):
        journal = read(self, stack)
        if self is store:
            bl.run_sweep(spec(grid={"n_inputs": [11, 21, 31]}), path, extend=True)
        return journal

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_journal", late)
        assert set(store.states().values()) == {DONE}
    with store.snapshot() as new, Store.open(finished).snapshot() as old:
        for task in tasks(spec()):
            moved = in_layout(task, old.layout, new.layout)
            for name in old.layout.variables(task.kind):
                there, expected = new.values(moved, name), old.values(task, name)
                assert np.array_equal(there, expected, equal_nan=expected.dtype.kind == "f")


def test_what_a_killed_writer_left_is_removed_and_what_is_in_the_way_does_not_matter(copy):
    for name in ("copy.h5.12345678.part", "copy.h5.journal.12345678.part"):
        copy.with_name(name).write_text("left")
    for name in ("copy.h5.87654321.part", "copy.h5.journal.part"):
        copy.with_name(name).mkdir()
    bl.run_sweep(spec(), copy)
    left = sorted(path.name for path in copy.parent.glob("*.part"))
    assert left == ["copy.h5.87654321.part", "copy.h5.journal.part"]


def test_a_file_keeps_its_permissions(copy):
    copy.chmod(0o600)
    with writing(copy, spec()) as writer:
        writer.record(errors(cell(), 0), outcome_of(copy, errors(cell(), 0), train_error=np.array(0.25)))
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser can write to every file")
def test_a_read_only_file_is_refused(copy):
    copy.chmod(0o444)
    refused(copy, "is read-only")


@pytest.mark.parametrize("text", ["a\0b", "a\udc80b"])
def test_any_traceback_can_be_kept(tmp_path, text):
    path = tmp_path / "out.h5"
    with writing(path, spec()) as writer:
        writer.record(TASK, Outcome({}, 1.0, text))
    assert Store.open(path).failures()[TASK].startswith("a\\")


@pytest.mark.parametrize("name", ["x" * 300 + ".h5", "x" * 240 + ".h5", "nul\0.h5"])
def test_an_impossible_name_is_one_clear_error(tmp_path, name):
    with pytest.raises(StoreError, match="cannot be created"):
        bl.run_sweep(spec(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


# A full disk


@pytest.mark.parametrize("room", [1_000, 40_000, 75_000, 100_000])
def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(finished, tmp_path, room):
    """Files may grow to `room` bytes: too few for an empty file, for the journal, for the file with what is done."""
    path = tmp_path / "out.h5"
    (tmp_path / "small.toml").write_text(TEXT)
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
    command = "from binland.cli import main; main()"
    arguments = ["sweep", "small.toml", "--out", "out.h5", "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", limited + command, *arguments],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    states = Store.open(path).states() if path.exists() else {}
    assert found.returncode == 2
    assert re.fullmatch(r"error: out.h5: cannot be (created|written) \(File too large\); .*\n", found.stderr)
    done = [task for task, state in states.items() if state == DONE]
    assert bool(done) == (room > 60_000)
    assert not list(tmp_path.glob("*.part"))
    repeated = []
    bl.run_sweep(spec(), path, report=repeated.append)
    assert len(repeated) == len(tasks(spec())) - len(done)
    assert_same_numbers(finished, path)


# The file by itself


@pytest.mark.parametrize("schema", READABLE)
def test_a_file_of_every_schema_can_be_read_for_ever(schema):
    path = ROOT / "tests" / "golden" / f"{schema}.h5"
    if schema == SCHEMA and not path.exists():
        pytest.skip("its file is made when it is released")
    expected = json.loads((ROOT / "tests" / "golden" / "numbers.json").read_text())[schema]
    data = bl.load_results(path)
    assert data.attrs["schema"] == schema
    for name, values in expected.items():
        assert data[name].values.ravel().tolist() == values, name
    assert bl.load_solution(path, 21, "RSGD", 0, 1).weights.sum() == 27


@pytest.mark.parametrize("schema", older.SCHEMAS)
def test_an_older_file_is_not_continued_but_merged_into_a_new_one(schema):
    old = ROOT / "tests" / "golden" / f"{schema}.h5"
    before = old.read_bytes()
    small = Store.open(old).spec
    refused_with = rf"has the schema {schema}; it is older than this version; `binland merge OLD --out NEW`"
    with pytest.raises(StoreError, match=refused_with):
        bl.run_sweep(small, old)
    assert old.read_bytes() == before


def test_latents_are_kept_if_asked_for(tmp_path):
    path = tmp_path / "out.h5"
    small = spec(store={"latents": True}, grid={"disorder_samples": 1})
    bl.run_sweep(small, path)
    solution = bl.load_solution(path, 21, "SGD")
    assert solution.latents.dtype == np.float32
    assert np.array_equal(np.where(solution.latents >= 0, 1, -1), solution.weights)
    assert "latents" not in bl.load_results(path)
    bl.run_sweep(spec(grid={"disorder_samples": 1}), tmp_path / "without.h5")
    assert bl.load_solution(tmp_path / "without.h5", 21, "SGD").latents is None
    refused(path, "store.latents: True -> False", spec(grid={"disorder_samples": 1}))


def test_plain_xarray_and_h5py_open_the_file(finished):
    with xr.open_dataset(finished, engine="h5netcdf") as data:
        assert data["barrier"].attrs["units"] == "1"
        assert data["barrier"].attrs["long_name"] == "highest train error on a random shortest path"
        assert data["solution_seconds"].attrs["units"] == "s"
    results = bl.load_results(finished)
    for name in ("n_inputs", "n_weights", "overparameterization", "constraint_density", "fraction", "position"):
        assert results[name].attrs["units"] == "1"
    with xr.open_dataset(finished, engine="h5netcdf") as data:
        assert bool((data["pair_state"] == DONE).all())
    with h5py.File(finished) as file:
        assert file["weights"].dtype == np.uint8
        assert len(file["solution_id"][0, 0, 0, 0]) == 64
        assert check_settings(json.loads(file.attrs["config"]), "x").canonical() == spec().canonical()


def test_failed_states_are_counted():
    few = tasks(spec(grid={"n_inputs": [21], "disorder_samples": 1}, algorithms={"SGD": {"epochs": 1}}))
    states = dict.fromkeys(few, LEFT) | {few[0]: FAILED}
    assert count_states(states) == {"done": 0, "running": 0, "failed": 1, "blocked": 4, "left": 3}
    assert count_states(states, few[:1]) == {"done": 0, "running": 1, "failed": 0, "blocked": 0, "left": 7}


# What others do to the journal


def _remove(journal):
    journal.unlink()


def _cut(journal):
    os.truncate(journal, journal.stat().st_size // 2)


def _empty(journal):
    os.truncate(journal, 0)


def _replace(journal):
    journal.unlink()
    journal.write_text("mine")


def _continue(journal):
    with journal.open("ab") as file:
        file.write(b"mine")


@pytest.mark.parametrize("harm", [_remove, _cut, _empty, _replace, _continue], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("moment", [1, 5, 64])
def test_a_journal_that_is_harmed_while_a_sweep_runs_is_noticed(finished, tmp_path, harm, moment):
    path = tmp_path / "out.h5"

    def report(progress):
        if progress.finished == moment:
            harm(journal_path(path))

    if moment == 64 and harm in (_remove, _replace, _continue):  # all is still known
        bl.run_sweep(spec(), path, report=report)
    else:
        with pytest.raises(StoreError, match=r"out.h5.journal: (was|has lost)"):
            bl.run_sweep(spec(), path, report=report)
    if harm is _replace:
        assert journal_path(path).read_text() == "mine"
        journal_path(path).unlink()
    done = list(Store.open(path).states().values()).count(DONE)
    assert (done == moment) if harm in (_remove, _replace, _continue) else (done < moment)
    bl.run_sweep(spec(), path)
    assert_same_numbers(finished, path)


def last_of(journal, kind):
    """Where the bytes of the arrays of the last task of a kind stand."""
    with journal.open("rb") as file:
        records = JournalReader(file.fileno()).records
    ends = [record for record in records if record.facts["event"] == "end" and record.facts["task"][0] == kind]
    return ends[-1].offset


@pytest.mark.parametrize("kind", ["writer", *KINDS])
@pytest.mark.parametrize("update", [False, True], ids=["at the end", "while it runs"])
def test_a_journal_that_is_damaged_in_place_costs_what_is_damaged_and_is_kept(
    finished, tmp_path, monkeypatch, kind, update
):
    path = tmp_path / "out.h5"

    def report(progress):
        if progress.finished == 62:
            journal = journal_path(path)
            with journal.open("r+b") as file:
                file.seek(0 if kind == "writer" else last_of(journal, kind))
                file.write(b"0123456789")
            if update:
                monkeypatch.setattr(writers, "UPDATE_EVERY", 0)

    lost = pytest.raises(StoreError, match=r"out.h5.journal: (has lost what 1 tasks gave|was damaged)")
    warned = pytest.warns(UserWarning, match=r"out.h5.journal: \d+ bytes of it are damaged; .*, a copy is in")
    with warned, nullcontext() if kind == "writer" else lost:
        bl.run_sweep(spec(), path, report=report)
    (kept,) = tmp_path.glob("*.damaged-*")
    assert b"0123456789" in kept.read_bytes()
    assert not journal_path(path).exists()
    assert list(Store.open(path).states().values()).count(DONE) >= (64 if kind == "writer" else 61)
    bl.run_sweep(spec(), path)
    assert_same_numbers(finished, path)


def test_a_solution_that_is_damaged_in_the_journal_is_not_used(finished, tmp_path):
    path = tmp_path / "out.h5"

    def report(progress):
        journal = journal_path(path)
        with journal.open("r+b") as file:
            file.seek(last_of(journal, "solution"))
            file.write(bytes(4096)[: journal.stat().st_size - file.tell()])

    with (
        pytest.warns(UserWarning, match="bytes of it are damaged"),
        pytest.raises(StoreError, match=r"out.h5.journal: (has lost|was damaged by another program)"),
    ):
        bl.run_sweep(spec(), path, report=report)
    bl.run_sweep(spec(), path)
    assert_same_numbers(finished, path)


def test_a_full_disk_with_a_damaged_journal_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "out.h5"
    run_some(path, 5)
    octets = bytearray(journal_path(path).read_bytes())
    octets[-10] ^= 1
    journal_path(path).write_bytes(octets)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journals.shutil, "copyfileobj", full)
        refused(path, "out.h5: cannot be written .*No space left")
    assert journal_path(path).read_bytes() == octets


@pytest.mark.skipif(os.name != "posix", reason="names are bytes there only")
def test_odd_names_are_names_or_one_line(finished, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.h5"))
    bl.run_sweep(spec(), odd)
    assert_same_numbers(finished, odd)
    loop, fifo = tmp_path / "loop.h5", tmp_path / "fifo.h5"
    loop.symlink_to(loop)
    os.mkfifo(fifo)
    for path, message in ((loop, "cannot be"), (fifo, "is not an ordinary file"), (Path("/dev/null"), "is not an")):
        with pytest.raises(StoreError, match=message):
            bl.load_results(path)
        with pytest.raises(StoreError, match=r"cannot be|is not an"):
            bl.run_sweep(spec(), path)


def test_a_lock_that_is_removed_while_a_sweep_runs_is_noticed(finished, tmp_path):
    """Another writer may have begun since."""
    path = tmp_path / "out.h5"

    def report(progress):
        if progress.finished == 5:
            lock_path(path).unlink()

    with pytest.raises(StoreError, match=r"out.h5.lock: was removed or replaced by another program"):
        bl.run_sweep(spec(), path, report=report)
    assert list(Store.open(path).states().values()).count(DONE) == 64
    bl.run_sweep(spec(), path)
    assert_same_numbers(finished, path)


@pytest.mark.parametrize("moment", [3, 64])
def test_another_file_in_the_place_of_a_running_sweeps_is_left_alone(finished, tmp_path, moment):
    path, other = tmp_path / "out.h5", tmp_path / "other.h5"
    bl.run_sweep(spec(seed=9), other)
    octets = other.read_bytes()

    def report(progress):
        if progress.finished == moment:
            path.rename(tmp_path / "own.h5")
            path.write_bytes(octets)

    with pytest.raises(StoreError, match=r"out.h5: was replaced by another program .* move the sweep's own file back"):
        bl.run_sweep(spec(), path, report=report)
    assert path.read_bytes() == octets
    (tmp_path / "own.h5").replace(path)
    bl.run_sweep(spec(), path)
    assert_same_numbers(finished, path)
