import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.sweep.small import TEXT

COMMAND = [sys.executable, "-c", "from binland.cli import main; main()"]


def call(*arguments, cwd):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=240)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


def test_sweep_status_and_plot(config, tmp_path):
    done = call("sweep", config.name, "--out", "out.h5", "--workers", 2, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "32 of 32 tasks done, 0 failed" in done.stdout
    again = call("sweep", config.name, "--out", "out.h5", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "out.h5: nothing left to do\n")
    status = call("status", "out.h5", cwd=tmp_path)
    assert "32 done, 0 running, 0 failed, 0 left, of 32 tasks" in status.stdout
    plot = call("plot", "out.h5", cwd=tmp_path)
    assert plot.returncode == 0
    assert (tmp_path / "figures" / "out.png").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures", "out.h5", "out.h5.lock", "small.toml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "none.toml", "--out", "x.h5"), "error: none.toml: cannot read it"),
        (("sweep", "bad.toml", "--out", "x.h5"), "error: bad.toml: grid.n_inputs.0 = 0"),
        (("sweep", "small.toml", "--out", "x.h5", "--workers", "0"), "error: workers=0 is not an integer"),
        (("sweep", "small.toml", "--out", "small.toml"), "error: small.toml: cannot be read as HDF5"),
        (("status", "none.h5"), "error: none.h5: no such file"),
        (("status",), "error: Missing argument"),
        (("sweep", "small.toml"), "error: missing option --out"),
        (("sweeep",), "error: No such command"),
        (("plot", "small.toml"), "error: small.toml: cannot be read as HDF5"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(config, tmp_path, arguments, message):
    (tmp_path / "bad.toml").write_text(TEXT.replace("n_inputs = [21, 31]", "n_inputs = [0]"))
    before = sorted(tmp_path.iterdir())
    found = call(*arguments, cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr.startswith(message)
    assert found.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_even_sizes_are_a_warning_on_one_line(config, tmp_path):
    config.write_text(TEXT.replace("n_hidden = 5", "n_hidden = 4"))
    found = call("sweep", config.name, "--out", "x.h5", "--smoke", "--workers", 1, cwd=tmp_path)
    assert found.returncode == 0
    assert found.stderr.startswith("warning: small.toml: model.n_hidden = 4")
    assert found.stderr.count("\n") == 1


def started(config, tmp_path):
    """A long sweep on two workers in a process group of its own, with its first task done."""
    config.write_text(TEXT.replace("disorder_samples = 2", "disorder_samples = 500"))
    process = subprocess.Popen(
        [*COMMAND, "sweep", config.name, "--out", "out.h5", "--workers", "2"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while not re.search("^[1-9][0-9]* done", call("status", "out.h5", cwd=tmp_path).stdout, re.MULTILINE):
        assert process.poll() is None
        time.sleep(0.2)
    return process


def group_is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(os.name != "posix", reason="sends signals to a process group")
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(config, tmp_path):
    process = started(config, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert stderr == "interrupted; what is done is in out.h5, run the same command to go on\n"
    after = call("status", "out.h5", cwd=tmp_path).stdout
    assert " 0 failed" in after
    assert re.search("^[1-9][0-9]* done", after, re.MULTILINE)


@pytest.mark.skipif(os.name != "posix", reason="sends signals to a process group")
def test_workers_end_with_a_killed_parent(config, tmp_path):
    process = started(config, tmp_path)
    process.kill()
    process.wait()
    process.stderr.close()
    deadline = time.monotonic() + 30
    while not group_is_gone(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
