import errno
import fcntl
import json

import pytest

import binland as bl
from binland.errors import StoreError
from binland.sweep.store.lock import lock_path, sole_writer, writer_of
from binland.sweep.store.merge import merge
from tests.sweep.small import spec


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.h5"


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def no_locks(request, monkeypatch):
    def flock(*_):
        raise OSError(request.param, "no locks here")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_the_name_of_the_writer_is_there_while_it_writes(path):
    with sole_writer(path) as right:
        assert json.loads(lock_path(path).read_text()) == right.card == writer_of(path)
        assert right.still_ours()
        with pytest.raises(StoreError, match=f"process {right.card['pid']} on .* is writing it"), sole_writer(path):
            pass
        assert right.still_ours()
    assert lock_path(path).read_text() == ""
    assert writer_of(path) is None
    assert not right.still_ours()


def unlink(lock):
    lock.unlink()


def replace(lock):
    lock.unlink()
    lock.write_text("")


def rename(lock):
    lock.rename(lock.with_name("elsewhere"))


@pytest.mark.parametrize("harm", [unlink, replace, rename])
def test_a_writer_notices_that_its_lock_is_gone(path, harm):
    with sole_writer(path) as first:
        harm(lock_path(path))
        assert not first.still_ours()
        with sole_writer(path) as second:
            assert second.still_ours()
            assert not first.still_ours()


def test_a_writer_whose_lock_is_gone_leaves_the_name_of_the_next_one_alone(path):
    with sole_writer(path):
        lock_path(path).unlink()
        second = sole_writer(path)
        card = second.__enter__().card
    assert json.loads(lock_path(path).read_text()) == card
    second.__exit__(None, None, None)
    assert lock_path(path).read_text() == ""


def test_no_sweep_without_locks(path, no_locks):
    with pytest.raises(
        StoreError, match=r"out.h5: its file system has no locks \(.*\), .*; choose an --out on another"
    ):
        bl.run_sweep(spec(), path)
    assert not path.exists()


def test_no_merge_without_locks_and_files_are_still_read(finished, path, no_locks):
    with pytest.raises(StoreError, match=r"out.h5: its file system has no locks"):
        merge([finished], path)
    assert len(bl.load_results(finished).n_inputs) == 2
    assert writer_of(finished) is None


def test_a_name_that_a_killed_process_left_is_no_writer(path):
    lock_path(path).write_text(json.dumps({"pid": 1, "host": "here", "since": "once"}))
    assert writer_of(path) is None
    with sole_writer(path) as right:
        assert writer_of(path) == right.card


def test_without_locks_a_name_that_was_left_is_in_doubt(path, no_locks):
    lock_path(path).write_text(json.dumps({"pid": 1, "host": "here", "since": "once"}))
    assert writer_of(path) == {"pid": 1, "host": "here", "since": "once", "doubt": True}


@pytest.mark.parametrize("make", [lambda lock: lock.mkdir(), lambda lock: lock.symlink_to("mine")])
def test_a_lock_that_is_no_ordinary_file_is_named(path, make):
    path.with_name("mine").write_text("mine")
    make(lock_path(path))
    with pytest.raises(StoreError, match=r"out.h5: its lock out.h5.lock is a link or no ordinary file; move it away"):
        bl.run_sweep(spec(), path)
    assert path.with_name("mine").read_text() == "mine"


def test_no_more_than_a_card_is_read(path):
    with sole_writer(path) as right:
        with lock_path(path).open("a") as file:
            file.truncate(20 * 2**30)
        assert writer_of(path) == {}
        lock_path(path).write_text(json.dumps(right.card))
        assert writer_of(path) == right.card
