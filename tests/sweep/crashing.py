"""Runs a sweep in children and kills them: `python -m tests.sweep.crashing random FOLDER SEED` or `points FOLDER WHEN`.

`toy FOLDER SEED` is random with another family and every kind of task.

Prints JSON: how often a child was killed, how many left a half-made file, and what was computed although it had been
recorded as done before.
"""

import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from binland.families.shallow import SHALLOW
from binland.sweep import workers
from binland.sweep.config import check_settings
from binland.sweep.registry import register
from binland.sweep.run import run_sweep
from binland.sweep.store import writer
from binland.sweep.store.layout import DONE
from binland.sweep.store.store import Store
from binland.sweep.tasks import to_plain
from tests.sweep import coarse
from tests.sweep.small import WHOLE, settings, spec
from tests.toys.coarse import COARSE

LONGEST, GROWTH = 0.25, 1.05  # seconds of the longest life at first, and how that grows: a busy machine gets on too
MEASURE = {"errors": False, "local_energy": False, "pair": {"orders": 2}}  # few tasks, and one that needs others


def small():
    """A sweep of four tasks."""
    few = settings(grid={"n_inputs": [21], "disorder_samples": 1}, algorithms={"SGD": {"epochs": 1}})
    return check_settings(few | {"measure": MEASURE}, "few")


def toy():
    """A sweep of every kind of task."""
    return coarse.spec(grid={"width": [3], "disorder_samples": 1})


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def log_executed_tasks(log):
    execute = workers.execute

    def logged(text, job):
        with log.open("a") as file:
            file.write(json.dumps(to_plain(job.task)) + "\n")
        return execute(text, job)

    workers.execute = logged


def life(path, small, arm):
    """One run in a child; `arm(pid)` is called in the parent, `arm(0)` in the child. True if it came to its end."""
    child = os.fork()
    if child == 0:
        arm(0)
        run_sweep(small, path, report=lambda _: None)
        os._exit(0)
    arm(child)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def recorded(path):
    if not path.exists():
        return set()
    return {json.dumps(to_plain(task)) for task, state in Store.open(path).states().items() if state == DONE}


def lives(path, small, arms):
    """Runs until one of them ends by itself; gives the summary."""
    log = path.with_suffix(".log")
    log.touch()
    half_made, repeated = 0, []
    for killed, arm in enumerate(arms):
        before, place = recorded(path), log.stat().st_size
        ended = life(path, small, arm)
        repeated += sorted(before & set(log.read_text()[place:].splitlines()))
        if not before <= recorded(path):
            repeated.append("lost: " + str(before - recorded(path)))
        if ended:
            return {"killed": killed, "half_made": half_made, "repeated": repeated}
        half_made += any(path.parent.glob("*.part"))
    raise AssertionError("the sweep never ended")


def random_moments(seed):
    draw = random.Random(seed)
    for k in itertools.count():

        def arm(pid, longest=LONGEST * GROWTH**k):
            if pid:
                time.sleep(draw.uniform(0, longest))
                os.kill(pid, signal.SIGKILL)

        yield arm


class Point:
    """Ends the process at the k-th call that changes something on the disk: half-way, if it has halves, or after it."""

    def __init__(self, k, when):
        self.left, self.when, self.seen = k, when, 0

    def __call__(self, pid):
        if pid:
            return
        self.wrap(os, "pwrite", lambda file, data, offset: self.pwrite(file, data[: len(data) // 2], offset))
        for module, name in ((os, "replace"), (os, "link"), (Path, "unlink")):
            self.wrap(module, name, None)
        os.fsync = lambda file: None  # a kill, unlike a power cut, does not need it
        self.wrap(shutil, "copyfile", lambda source, target: target.write_bytes(source.read_bytes()[:5000]))

    def wrap(self, module, name, half):
        original = getattr(module, name)
        setattr(self, name, original)

        def wrapped(*arguments, **keywords):
            self.seen += 1
            if sys._getframe(1).f_globals["__name__"].endswith("steady") and self.seen % 12:
                return original(*arguments, **keywords)  # one of many writes to a file that has no name yet
            self.left -= 1
            if self.left == 0 and self.when == "half-way" and half is not None:
                half(*arguments)
                die()
            result = original(*arguments, **keywords)
            if self.left == 0:
                die()
            return result

        setattr(module, name, wrapped)


def main():
    how, folder, argument = sys.argv[1:]
    SHALLOW.warm_up()
    writer.UPDATE_EVERY, writer.UPDATE_SHARE = (-1 if how == "points" else 0.02), 1e9  # -1: after every task
    path = Path(folder) / "killed.h5"
    log_executed_tasks(path.with_suffix(".log"))
    if how == "toy":
        register(COARSE)
        print(json.dumps(lives(path, toy(), random_moments(argument))))
        return
    if how == "random":
        print(json.dumps(lives(path, spec(grid={"disorder_samples": 12}), random_moments(argument))))
        return
    found = []
    for k in range(1 + (argument == "after"), 1000, 1 if WHOLE else 6):
        for leftover in Path(folder).iterdir():
            leftover.unlink()
        arms = [Point(k, argument), lambda _: None]
        found.append(lives(path, small(), arms))
        if not found[-1]["killed"]:
            break
    print(json.dumps(found))


if __name__ == "__main__":
    main()
