import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import typer

from binland import cli
from tests.sweep.small import TEXT

COMMAND = [sys.executable, "-m", "binland"]


def call(*arguments, cwd):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=240)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.slow
def test_sweep_status_and_plot(config, tmp_path):
    done = call("sweep", config.name, "--out", "out.h5", "--workers", 2, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "64 of 64 tasks done, 0 failed" in done.stdout
    again = call("sweep", config.name, "--out", "out.h5", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "out.h5: nothing left to do\n")
    status = call("status", "out.h5", cwd=tmp_path)
    assert "64 done, 0 running, 0 failed, 0 left, of 64 tasks" in status.stdout
    plot = call("plot", "out.h5", cwd=tmp_path)
    assert plot.returncode == 0
    assert (tmp_path / "figures" / "out.png").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures", "out.h5", "out.h5.lock", "small.toml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "none.toml", "--out", "x.h5"), "error: none.toml: cannot read it"),
        (("sweep", "bad.toml", "--out", "x.h5"), "error: bad.toml: grid.data.n_inputs = 0"),
        (("sweep", "small.toml", "--out", "x.h5", "--workers", "0"), "error: workers=0 is not an integer"),
        (("sweep", "small.toml", "--out", "small.toml"), "error: small.toml: cannot be read as HDF5"),
        (("status", "none.h5"), "error: none.h5: no such file"),
        (("status",), "error: Missing argument"),
        (("sweep", "small.toml"), "error: missing option --out"),
        (("sweeep",), "error: No such command"),
        (("plot", "small.toml"), "error: small.toml: cannot be read as HDF5"),
        (("export", "small.toml", "--csv", "x.csv"), "error: small.toml: cannot be read as HDF5"),
        (("merge", "none.h5", "--out", "x.h5"), "error: none.h5: no such file"),
        (("sweep", "small.toml", "--out", "x.h5", "--part", "4/3"), "error: part = 4/3 is not one of 1/3 ... 3/3"),
        (("sweep", "small.toml", "--out", "x.h5", "--part", "one"), "error: --part one is not k/n"),
        (("sweep", "small.toml", "--out", "x.h5", "--scheduler", "x", "--workers", "2"), "error: --workers starts"),
        (
            ("sweep", "small.toml", "--out", "x.h5", "--part", "0/3"),
            "error: k of part=0 is not an integer of at least 1",
        ),
        (("sweep", "huge.toml", "--dry-run"), "error: 9990050 patterns of 10001 inputs and"),
        (("sweep", "huge.toml", "--out", "x.h5"), "error: 9990050 patterns of 10001 inputs and"),
        (("sweep", "bad.toml", "--dry-run"), "error: bad.toml: grid.data.n_inputs = 0"),
        (("sweep", "small.toml", "--dry-run", "--workers", "0"), "error: workers=0 is not an integer"),
        (("sweep", "small.toml", "--dry-run", "--out", "small.toml"), "error: small.toml: cannot be read as HDF5"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(config, tmp_path, arguments, message, ctrl_c, monkeypatch, capfd):
    (tmp_path / "bad.toml").write_text(TEXT.replace("n_inputs = [21, 31]", "n_inputs = [0]"))
    huge = TEXT.replace("n_inputs = [21, 31]", "n_inputs = [10_001]").replace("= 11", "= 501")
    (tmp_path / "huge.toml").write_text(huge.replace("n_patterns = 30", "n_patterns = 9_990_000"))
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["binland", *arguments])
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.run()
    printed = capfd.readouterr().err
    assert printed.startswith(message)
    assert printed.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_says_what_is_to_do(config, tmp_path):
    found = call("sweep", config.name, "--dry-run", "--workers", 3, cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert "64 of 64 tasks to do" in found.stdout
    assert re.search(r"on 3 worker\(s\), .*\nthe whole file takes [0-9.]+ kB", found.stdout)
    assert [p.name for p in tmp_path.iterdir()] == ["small.toml"]
    call("sweep", config.name, "--out", "out.h5", "--workers", 1, "--part", "1/2", cwd=tmp_path)
    assert "32 of 64 tasks to do" in call("sweep", config.name, "--out", "out.h5", "--dry-run", cwd=tmp_path).stdout


@pytest.mark.slow
def test_extend_export_and_merge(config, tmp_path):
    first = call("sweep", config.name, "--out", "out.h5", "--smoke", "--workers", 1, cwd=tmp_path)
    assert first.returncode == 0
    refused = call("sweep", config.name, "--out", "out.h5", "--workers", 1, cwd=tmp_path)
    assert refused.returncode == 2
    assert "grid.data.n_inputs: [21] -> [21, 31]" in refused.stderr
    assert "add --extend" in refused.stderr
    extended = call("sweep", config.name, "--out", "out.h5", "--workers", 1, "--extend", cwd=tmp_path)
    assert "64 of 64 tasks done, 0 failed" in extended.stdout
    merged = call("merge", "out.h5", "out.h5", "--out", "same.h5", cwd=tmp_path)
    assert merged.stdout == "same.h5: 64 done, 0 running, 0 failed, 0 blocked, 0 left\n"
    exported = call("export", "same.h5", "--csv", "same.csv", cwd=tmp_path)
    assert exported.stdout == f"same.csv: {len((tmp_path / 'same.csv').read_text().splitlines()) - 1} rows\n"


@pytest.mark.slow
def test_the_status_of_parts_counts_their_tasks(config, tmp_path):
    for k in (1, 2):
        call("sweep", config.name, "--out", f"part{k}.h5", "--workers", 1, "--part", f"{k}/2", cwd=tmp_path)
    found = call("status", "part1.h5", "part2.h5", cwd=tmp_path)
    assert found.returncode == 0
    for k in (1, 2):
        counts = "32 done, 0 running, 0 failed, 0 left, of 32 tasks (the whole grid has 64)"
        assert f"part{k}.h5: small\nnobody is writing it\npart {k}/2: {counts}\n" in found.stdout
    call("merge", "part1.h5", "part2.h5", "--out", "all.h5", cwd=tmp_path)
    assert "\n64 done, 0 running, 0 failed, 0 left, of 64 tasks\n" in call("status", "all.h5", cwd=tmp_path).stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
@pytest.mark.parametrize("arguments", [("status", "x.h5"), ("export", "x.h5", "--csv", "x.csv"), ("--help",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_cannot_be_written_is_one_line(finished, tmp_path, arguments, unbuffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    (tmp_path / "x.h5").write_bytes(finished.read_bytes())
    with open("/dev/full", "w") as full:
        found = subprocess.run(
            [*COMMAND, *arguments], cwd=tmp_path, env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert found.returncode == 2
    assert found.stderr.startswith("error: the output cannot be written (No space left on device); free space")
    assert found.stderr.count("\n") == 1


def test_help_shows_every_word(monkeypatch, capsys):
    commands = typer.main.get_command(cli.app).commands
    for name, command in commands.items():
        monkeypatch.setattr(sys, "argv", ["binland", name, "--help"])
        with pytest.raises(SystemExit):
            cli.main()
        shown = " ".join(capsys.readouterr().out.split())
        assert "<bool>" not in shown
        for text in (command.help, *(option.help for option in command.params if option.help)):
            assert " ".join(text.split()) in shown
    monkeypatch.setattr(sys, "argv", ["binland", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "..." not in capsys.readouterr().out.replace("ARGS]...", "")


def test_failures_are_exit_code_1_until_they_are_retried(config, tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["binland", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    def failing(*_):
        raise ArithmeticError("planted")

    out = tmp_path / "out.h5"
    command = ("sweep", config, "--out", out, "--workers", 1, "--smoke")
    with monkeypatch.context() as patch:
        patch.setattr("binland.families.shallow.fit", failing)
        code, _, stderr = run(*command)
    assert code == 1
    assert f"8 task(s) failed; `binland status {out}` shows why, --retry-failed tries them again" in stderr
    code, stdout, _ = run("status", out)
    assert "0 done, 0 running, 8 failed, 24 left (24 of them blocked by a failure), of 32 tasks" in stdout
    assert stdout.count("ArithmeticError: planted") == 8
    assert run(*command)[0] == 1
    assert run(*command, "--retry-failed")[0] == 0
    assert "32 done, 0 running, 0 failed, 0 left, of 32 tasks" in run("status", out)[1]


def test_even_sizes_are_a_warning_on_one_line(config, tmp_path):
    config.write_text(TEXT.replace("n_hidden = 5", "n_hidden = 4"))
    found = call("sweep", config.name, "--out", "x.h5", "--smoke", "--workers", 1, cwd=tmp_path)
    assert found.returncode == 0
    assert found.stderr.startswith("warning: small.toml: model.n_hidden = 4")
    assert found.stderr.count("\n") == 1


def started(config, tmp_path, **environment):
    """A long sweep on two workers in a process group of its own, with its first task done."""
    config.write_text(
        TEXT.replace("disorder_samples = 2", "disorder_samples = 500").replace("epochs = 4", "epochs = 999")
    )
    process = subprocess.Popen(
        [*COMMAND, "sweep", config.name, "--out", "out.h5", "--workers", "2"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, **environment},
    )  # fmt: skip
    while not re.search("^[1-9][0-9]* done", call("status", "out.h5", cwd=tmp_path).stdout, re.MULTILINE):
        assert process.poll() is None
        time.sleep(0.2)
    return process


@contextmanager
def sighup(handler):
    """What programs that are started inside do at SIGHUP, until they say otherwise."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def group_is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals to a process group")
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(config, tmp_path):
    process = started(config, tmp_path)
    during = call("status", "out.h5", cwd=tmp_path).stdout
    assert f"process {process.pid} on " in during
    assert re.search("[1-9][0-9]* running, 0 failed", during)
    os.killpg(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert stderr == "interrupted; what is done is in out.h5, run the same command to go on\n"
    after = call("status", "out.h5", cwd=tmp_path).stdout
    assert " 0 running, 0 failed" in after
    assert "nobody is writing it" in after
    assert not list(tmp_path.glob("*.journal"))
    assert re.search("^[1-9][0-9]* done", after, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("everybody", [False, True])
def test_a_terminal_that_is_closed_leaves_no_trace(config, tmp_path, everybody):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with sighup(signal.SIG_DFL):  # the tests themselves may run under nohup
        process = started(config, tmp_path, TMPDIR=str(temporary))
    assert list(temporary.glob("binland-*"))
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGHUP)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    # multiprocessing's own process dies with the others of a terminal, and it is said so
    assert stderr.endswith("interrupted; what is done is in out.h5, run the same command to go on\n")
    assert not list(temporary.glob("binland-*"))
    assert not list(tmp_path.glob("*.journal"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_nohup_is_respected(config, tmp_path):
    with sighup(signal.SIG_IGN):
        process = started(config, tmp_path)
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("moment", [0.3, 0.7, 1.0, 1.4])
@pytest.mark.parametrize("arguments", [("sweep", "small.toml", "--dry-run"), ("sweep", "small.toml", "--out", "x.h5")])
def test_ctrl_c_is_one_line_from_the_first_moment(config, tmp_path, arguments, moment):
    config.write_text(TEXT.replace("epochs = 4", "epochs = 99999"))
    process = subprocess.Popen([*COMMAND, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    time.sleep(moment)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert stderr.startswith("interrupted")
    assert stderr.count("\n") == 1


@pytest.mark.slow
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
