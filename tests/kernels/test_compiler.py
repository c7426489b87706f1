import hashlib
import os
import pickle
import shutil
import subprocess
import sys

import pytest
from filelock import FileLock

SCRIPT = (
    "from binland.kernels.forward import preactivations_into; import numpy as np; w = np.zeros((1, 1), np.uint64); \
out = np.empty((1, 1), np.int32); preactivations_into(w, w, 3, out); print(out[0, 0])"
)


def start(folder, script=SCRIPT):
    environment = {**os.environ, "BINLAND_CACHE_DIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_at_once_share_one_cache(tmp_path):
    processes = [start(tmp_path) for _ in range(3)]
    assert [process.communicate(timeout=120)[0].strip() for process in processes] == ["3"] * 3
    compiled = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert compiled
    assert start(tmp_path).communicate(timeout=120)[0].strip() == "3"
    assert compiled == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}


def remove(path):
    path.unlink()


def make_folder(path):
    path.unlink()
    (path / "inside").mkdir(parents=True)


def make_circle(path):
    path.unlink()
    path.symlink_to(path)


def forbid(path):
    path.chmod(0)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def cut_to_nothing(path):
    path.write_bytes(b"")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def fill_with_nonsense(path):
    """A checksum that is right, of what cannot be unpickled."""
    path.write_bytes(hashlib.sha256(b"nonsense").digest() + b"nonsense")


def put_another(path):
    """What is sound, and of another signature."""
    content = pickle.dumps((("another",), None))
    path.write_bytes(hashlib.sha256(content).digest() + content)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    assert start(folder).communicate(timeout=120)[0].strip() == "3"
    return folder


@pytest.mark.parametrize(
    "damage",
    [remove, make_folder, make_circle, forbid, cut, cut_to_nothing, flip, fill_with_nonsense, put_another],
)
def test_what_is_damaged_is_compiled_anew_and_replaced(compiled, tmp_path, damage):
    shutil.copytree(compiled, tmp_path, dirs_exist_ok=True)
    entries = {path: path.read_bytes() for path in tmp_path.rglob("*.nb?")}
    assert entries
    for path in entries:
        damage(path)
    assert start(tmp_path).communicate(timeout=120)[0].strip() == "3"
    for path, content in entries.items():
        assert len(path.read_bytes()) == len(content)
        assert hashlib.sha256(path.read_bytes()[32:]).digest() == path.read_bytes()[:32]


def test_a_lock_that_an_earlier_process_left_is_no_obstacle(compiled, tmp_path):
    shutil.copytree(compiled, tmp_path, dirs_exist_ok=True)
    (folder,) = tmp_path.iterdir()
    with FileLock(folder / "lock"):
        assert start(tmp_path).communicate(timeout=120)[0].strip() == "3"


def test_a_file_system_without_locks_is_no_obstacle(tmp_path):
    without = "import fcntl, errno\ndef flock(*_): raise OSError(errno.ENOSYS, 'none')\nfcntl.flock = flock\n"
    assert start(tmp_path, without + SCRIPT).communicate(timeout=120)[0].strip() == "3"
    assert [*tmp_path.rglob("*.nbc")]


def test_an_unwritable_cache_folder_is_no_obstacle(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert start(blocked).communicate(timeout=120)[0].strip() == "3"
