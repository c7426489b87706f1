"""Whatever lies in a result file or beside it: every command says it in one line, soon, in little memory."""

import os
import shutil
import signal
import sys
import tempfile
import traceback
import warnings

import psutil
import pytest

import binland as bl
from binland import cli
from binland.errors import BinlandError, InvalidInputError, StoreError
from binland.plots import plot_results
from binland.sweep.load import load_problem
from binland.sweep.store import journal as journals
from binland.sweep.store.store import Store
from tests.sweep.hostile import KINDS, TOKEN, TRACE, a_journal_of_twenty_gigabytes, a_lock_of_twenty_gigabytes
from tests.sweep.small import TEXT, WHOLE

COMMANDS = {
    "status": ("status", "x.h5"),
    "export": ("export", "x.h5", "--csv", "x.csv"),
    "plot": ("plot", "x.h5"),
    "merge": ("merge", "x.h5", "--out", "y.h5"),
    "dry": ("sweep", "small.toml", "--out", "x.h5", "--dry-run"),
    "sweep": ("sweep", "small.toml", "--out", "x.h5", "--workers", "1"),
}
READING = ("status", "export", "plot", "merge", "load")
ALL = (*READING, "dry", "sweep")  # a sweep comes last: it may write
LOAD = ("load",)
SECONDS = 10
BYTES = (
    3 * 2**28
)  # beyond what this process holds: in one of its own a command has a quarter of a gigabyte to begin with

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks")


def in_child(arguments, folder):
    """Exit code, what was printed and peak memory, beyond that of this process, of a command in a child of it."""
    before = psutil.Process().memory_info().rss
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.chdir(folder)
                for stream in (1, 2):
                    os.dup2(printed.fileno(), stream)
                sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
                signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of processor time: others are at work, too ...
                signal.alarm(30 * SECONDS)  # ... but nothing waits for ever
                warnings.simplefilter("default")  # as outside of tests
                sys.path.insert(0, str(folder))  # modules that a file names can be imported
                sys.argv = ["binland", *arguments]
                load() if arguments == LOAD else cli.run()
                code = 0
            except SystemExit as end:
                code = end.code or 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status, used = os.wait4(child, 0)
        printed.seek(0)
        return os.waitstatus_to_exitcode(status), printed.read().decode(), used.ru_maxrss * 1024 - before


def load():
    """Everything that Python reads of a file."""
    try:
        bl.load_results("x.h5")
        bl.load_solution("x.h5", n_inputs=21, algorithm="SGD")
        load_problem("x.h5", n_inputs=21)
    except BinlandError as error:
        print(f"error: {error}")
        raise SystemExit(2) from None


def check(name, command, folder):
    code, text, memory = in_child(LOAD if command == "load" else COMMANDS[command], folder)
    assert code in (0, 1, 2), (name, command, code, text[-2000:])
    lines = [line for line in text.split("\n") if line and not line.startswith("warning: ")]
    if code == 2:
        assert len(lines) == 1, (name, command, text[-2000:])
        assert lines[0].startswith("error: "), (name, command, text[-2000:])
        assert len(lines[0]) < 3000
    assert all(c.isprintable() or c in "\n\t" for c in text), (name, command, text)
    assert TOKEN not in text, (name, command, text)
    assert "Zen of Python" not in text, (name, command, text)
    assert memory < BYTES, (name, command, memory)
    return code


@pytest.fixture(scope="module", autouse=True)
def warm(finished, tmp_path_factory):
    """What the children import is imported here, once."""
    plot_results(finished, tmp_path_factory.mktemp("figures"))


@pytest.fixture
def folder(finished, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "small.toml").write_text(TEXT)
    shutil.copyfile(finished, tmp_path / "home" / "x.h5")
    (tmp_path / "secret").write_text(40 * TOKEN)
    return tmp_path / "home"


SOME = [*KINDS] if WHOLE else [*KINDS][::2]  # there are hundreds


def commands_for(name):
    """One in turn, a figure less often than the others; or all."""
    turns = (*READING, "dry", "sweep", "status", "load", "merge", "export", "sweep")
    return ALL if WHOLE else (turns[SOME.index(name) % len(turns)],)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_a_hostile_file_is_one_line_of_every_command(folder, name):
    KINDS[name](folder / "x.h5", folder.parent / "secret")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    codes = {command: check(name, command, folder) for command in commands_for(name)}
    assert not (folder / TRACE).exists()
    made = [path for path in folder.rglob("*") if path.is_file() and path not in before]
    assert not any(TOKEN.encode() in path.read_bytes() for path in made if ".damaged-" not in path.name)
    if codes.get("sweep") == 2:
        assert {path: path.read_bytes() for path in before if path.suffix != ".lock"} == {
            path: octets for path, octets in before.items() if path.suffix != ".lock"
        }


@pytest.mark.parametrize("name", ["config_of_many_weights", "config_of_other_sizes"])
def test_solutions_are_not_made_of_weights_that_are_not_there(folder, name):
    KINDS[name](folder / "x.h5", folder.parent / "secret")
    for n_inputs in (21, 29):
        for load in (bl.load_solution, load_problem):
            of = {"algorithm": "SGD"} if load is bl.load_solution else {}
            with pytest.raises((StoreError, InvalidInputError), match=r"has other s|is not in the file"):
                load(folder / "x.h5", n_inputs=n_inputs, **of)


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith(("journal_whole_", "journal_task_"))])
def test_a_record_of_another_task_or_with_other_arrays_is_refused(folder, name):
    KINDS[name](folder / "x.h5", folder.parent / "secret")
    assert {check(name, command, folder) for command in ("status", "merge")} == {2}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_huge_beside_a_file_is_not_read(folder, command):
    a_lock_of_twenty_gigabytes(folder / "x.h5")
    assert check("lock", command, folder) == 0
    a_journal_of_twenty_gigabytes(folder / "x.h5")
    for path in folder.glob("y.h5*"):
        path.unlink()
    assert check("journal", command, folder) == 2


def test_a_record_that_is_too_large_has_a_reason(folder, monkeypatch):
    a_journal_of_twenty_gigabytes(folder / "x.h5")
    with pytest.raises(StoreError, match=r"x.h5.journal: cannot be read \(a record has 21474836480 bytes; at most"):
        Store.open(folder / "x.h5").states()
    monkeypatch.setattr(journals, "MOST_BYTES", 2**40)
    monkeypatch.setattr(journals.os, "pread", refusing(10 * 2**30))
    with pytest.raises(StoreError, match=r"x.h5.journal: cannot be read \(it needs more memory than there is\); move"):
        Store.open(folder / "x.h5").states()


@pytest.mark.parametrize("name", ["config_of_a_long_title", "config_of_a_long_label"])
def test_a_name_that_would_make_every_command_slow_is_refused(folder, name):
    KINDS[name](folder / "x.h5", None)
    with pytest.raises(StoreError, match="its configuration has a name of 1000000 letters; at most 10000, take"):
        Store.open(folder / "x.h5")


def refusing(most, pread=os.pread):
    """Reading as on a machine with so much memory."""

    def read(file, length, place):
        if length > most:
            raise MemoryError
        return pread(file, length, place)

    return read


@pytest.mark.parametrize(
    "name", [name for name in KINDS if name.startswith(("layout_no", "layouts_", "layout_with_a_long"))]
)
def test_a_layout_that_is_none_is_refused_by_all_who_read_it(folder, name):
    KINDS[name](folder / "x.h5", None)
    assert {check(name, command, folder) for command in READING} == {2}


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith("plugins_")])
def test_a_file_can_be_read_without_its_plug_ins(folder, name):
    KINDS[name](folder / "x.h5", None)
    plot = ("plot",) * (WHOLE or name == "plugins_beside")  # which draws for seconds
    assert {check(name, command, folder) for command in ("status", "export", *plot)} == {0}
    assert not (folder / TRACE).exists()


@pytest.mark.slow
def test_a_good_file_is_none_of_these(folder):
    assert {check("good", command, folder) for command in ALL} == {0}
