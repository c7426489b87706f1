import os
import subprocess
import sys

SCRIPT = (
    "from binland.kernels.forward import preactivations_into; import numpy as np; w = np.zeros((1, 1), np.uint64); \
out = np.empty((1, 1), np.int32); preactivations_into(w, w, 3, out); print(out[0, 0])"
)


def start(folder):
    environment = {**os.environ, "BINLAND_CACHE_DIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_at_once_share_one_cache(tmp_path):
    processes = [start(tmp_path) for _ in range(3)]
    assert [process.communicate(timeout=120)[0].strip() for process in processes] == ["3"] * 3
    compiled = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert compiled
    assert start(tmp_path).communicate(timeout=120)[0].strip() == "3"
    assert compiled == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}


def test_a_lock_that_cannot_be_opened_is_no_obstacle(tmp_path):
    start(tmp_path).communicate(timeout=120)
    (lock,) = tmp_path.rglob("lock")
    lock.unlink()
    lock.mkdir()
    assert start(tmp_path).communicate(timeout=120)[0].strip() == "3"


def test_an_unwritable_cache_folder_is_no_obstacle(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert start(blocked).communicate(timeout=120)[0].strip() == "3"
