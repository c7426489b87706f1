"""Signals at any moment of the writing: nothing is damaged, nothing is swallowed."""

import functools
import importlib
import os
import shutil
import signal
import threading
import time
from contextlib import suppress

import pytest
import xarray as xr

import binland as bl
from binland import interrupts
from binland.errors import StoreError
from binland.sweep import registry
from binland.sweep.store.layout import DONE
from binland.sweep.store.merge import merge
from binland.sweep.store.steady import SteadyFile
from binland.sweep.store.store import Store, journal_path
from tests.sweep.small import WHOLE, assert_same_numbers, spec
from tests.sweep.test_store import run_some

pytestmark = pytest.mark.usefixtures("ctrl_c")
CALLS = ("seek", "readinto", "write", "truncate", "close")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A sweep that was killed, with half of its tasks in the journal."""
    path = tmp_path_factory.mktemp("killed") / "out.h5"
    run_some(path, 16)
    return path


@pytest.fixture
def path(killed, tmp_path):
    for source in (killed, journal_path(killed)):
        shutil.copy(source, tmp_path)
    return tmp_path / killed.name


class Calls:
    """Counts the calls of a SteadyFile; `action` is called in the middle of the chosen one."""

    def __init__(self, patch, chosen, action):
        self.seen, self.chosen, self.action = 0, chosen, action
        for name in CALLS:
            patch.setattr(SteadyFile, name, self.wrapped(getattr(SteadyFile, name)))

    def wrapped(self, original):
        def call(*arguments):
            self.seen += 1
            if self.seen == self.chosen:
                self.action()
            return original(*arguments)

        return call


def points(actions, count):
    """How many calls there are in all, and some of them."""
    with pytest.MonkeyPatch.context() as patch:
        calls = Calls(patch, 0, None)
        actions()
    return sorted({1 + k * (calls.seen - 1) // (count - 1) for k in range(count)})


def interrupt():
    signal.raise_signal(signal.SIGINT)


def interrupted(k, action):
    """An action with Ctrl-C in the middle of its k-th call."""
    with pytest.MonkeyPatch.context() as patch:
        Calls(patch, k, interrupt)
        with pytest.raises(KeyboardInterrupt):
            action()


@pytest.mark.slow
def test_ctrl_c_while_a_new_version_is_written(killed, finished, tmp_path):
    def copy(name):
        (tmp_path / name).mkdir()
        for source in (killed, journal_path(killed)):
            shutil.copy(source, tmp_path / name)
        return tmp_path / name / killed.name

    for k in points(lambda: bl.run_sweep(spec(), copy("first")), 30 if WHOLE else 15):
        path = copy(str(k))
        interrupted(k, lambda path=path: bl.run_sweep(spec(), path))
        assert not list(path.parent.glob("*.part"))
        bl.load_results(path)
        bl.run_sweep(spec(), path)
        assert_same_numbers(finished, path)


@pytest.mark.slow
@pytest.mark.parametrize("work", ["create", "extend", "merge"])
def test_ctrl_c_while_a_file_is_made_or_joined(finished, tmp_path, work):
    larger = spec(grid={"disorder_samples": 3})
    whole = tmp_path / "whole.h5"
    bl.run_sweep(larger, whole)

    def do(path):
        if work == "merge":
            merge([finished], path)
        elif work == "extend" and not path.exists():
            shutil.copy(finished, path)
        bl.run_sweep(larger, path, extend=work != "create")

    for k in points(lambda: do(tmp_path / "first.h5"), 10 if WHOLE else 6):
        path = tmp_path / f"{k}.h5"
        interrupted(k, lambda path=path: do(path))
        if work == "merge" and path.exists():
            bl.run_sweep(larger, path, extend=True)
        else:
            do(path)
        assert_same_numbers(whole, path, larger)
        assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_a_write_that_is_lost_replaces_nothing(path, finished):
    """Whatever the reason: the new version is compared with what it should hold before the old one goes."""
    before = path.read_bytes(), journal_path(path).read_bytes()
    write, refused = SteadyFile.write, 0
    for k in range(1, 24, 2 if WHOLE else 4):
        path.write_bytes(before[0])
        journal_path(path).write_bytes(before[1])
        seen = []

        def losing(file, data, k=k, seen=seen):
            seen.append(file)
            if len(seen) != k:
                return write(file, data)
            file.seek(len(data), os.SEEK_CUR)
            return len(data)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SteadyFile, "write", losing)
            try:
                bl.run_sweep(spec(), path)
            except StoreError:
                refused += 1
                assert (path.read_bytes(), journal_path(path).read_bytes()) == before
        assert not list(path.parent.glob("*.part"))
        bl.run_sweep(spec(), path)
        assert_same_numbers(finished, path)
        xr.testing.assert_equal(*(xr.load_dataset(p)[["train_error", "barrier"]] for p in (finished, path)))
    assert refused >= (6 if WHOLE else 3)


class Swallowing:
    """Python drops what is raised in its destructor, and says so on stderr."""

    def __del__(self):
        interrupt()


@pytest.mark.parametrize("silent", [True, False])
def test_what_is_swallowed_is_raised_in_the_end(tmp_path, silent, capsys):
    def report(progress):
        if progress.finished == 3 and silent:
            with suppress(KeyboardInterrupt):
                interrupt()
        elif progress.finished == 3:
            Swallowing()

    with pytest.raises(KeyboardInterrupt):
        bl.run_sweep(spec(), tmp_path / "out.h5", report=report)
    assert capsys.readouterr().err == ""
    assert list(Store.open(tmp_path / "out.h5").states().values()).count(DONE) == 4


def test_signals_wait_and_come_in_their_order():
    came = []
    numbers = (signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.signal(number, lambda n, _: came.append(n)) for number in numbers]
    try:
        with interrupts.deferred():
            with interrupts.deferred():
                for number in (*numbers, signal.SIGUSR1):
                    signal.raise_signal(number)
            assert came == []
        assert came == [*numbers, signal.SIGUSR1]
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_ctrl_c_waits_until_a_module_has_been_imported(monkeypatch):
    """A library in C whose import it interrupts fails with an ImportError of its own."""
    imported = []

    def interrupting(name):
        module = importlib.import_module(name)
        interrupt()
        imported.append(name)
        return module

    monkeypatch.setattr(registry, "import_module", interrupting)
    monkeypatch.setattr(registry, "_built_in", functools.cache(registry._built_in.__wrapped__))
    with pytest.raises(KeyboardInterrupt):
        registry._built_in()
    assert "binland.families.shallow" in imported


def test_the_handlers_come_back_after_an_interruption():
    with pytest.raises(KeyboardInterrupt), interrupts.deferred():
        interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_other_threads_do_without(tmp_path):
    errors = []

    def work():
        try:
            bl.run_sweep(spec(), tmp_path / "out.h5", report=lambda _: None)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


def test_a_signal_from_outside_waits_too():
    steps = []

    def work():
        with interrupts.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            steps.extend(time.sleep(0) for _ in range(100))

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(steps) == 100
