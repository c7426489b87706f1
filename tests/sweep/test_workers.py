import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed import Client, WorkerPlugin

import binland as bl
from binland.errors import ClusterError
from binland.stamp import code_stamp
from binland.sweep import connect, workers
from binland.sweep.execute import execute_all
from binland.sweep.graph import Graph
from binland.sweep.store.layout import DONE, FAILED
from binland.sweep.store.store import Store
from binland.sweep.tasks import Cell, Job, Task
from binland.sweep.words import TRAINING
from tests.sweep.small import TEXT, assert_same_numbers, cell, errors, spec, tasks, training

ROOT = Path(__file__).parents[2]


@contextmanager
def started(*command):
    """A process that is killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        for child in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            child.kill()
        process.communicate()


@contextmanager
def cluster(n_workers):
    """A scheduler and its workers, each started apart; gives the scheduler's address and process."""
    with started("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard") as scheduler:
        for line in scheduler.stdout:
            if found := re.search(r"Scheduler at:\s+(tcp://\S+)", line):
                break
        address = found[1]
        workers = ("--nworkers", str(n_workers), "--nthreads", "1", "--no-dashboard", "--memory-limit", "0")
        with started("distributed.cli.dask_worker", address, *workers):
            yield address, scheduler


@pytest.mark.slow
def test_local_workers_give_the_numbers_of_one(finished, tmp_path):
    bl.run_sweep(spec(), tmp_path / "out.h5", workers=3)
    assert_same_numbers(finished, tmp_path / "out.h5")


def test_a_scheduler_started_apart_gives_the_numbers_of_one(finished, tmp_path):
    with cluster(2) as (address, _):
        bl.run_sweep(spec(), tmp_path / "out.h5", scheduler=address)
    assert_same_numbers(finished, tmp_path / "out.h5")


def test_only_a_few_tasks_are_handed_out_at_a_time(finished, tmp_path, monkeypatch):
    """What bounds the memory of the client."""
    submit, most = workers._Batches._submit, []

    def counted(self, jobs):
        submit(self, jobs)
        most.append(len(self._in_flight))

    monkeypatch.setattr(workers._Batches, "_submit", counted)
    monkeypatch.setattr(workers, "BATCH_SECONDS", 0.0)
    bl.run_sweep(spec(), tmp_path / "out.h5", workers=2)
    assert len(most) == len(tasks(spec()))
    assert max(most) == 2 * workers.IN_LINE
    assert_same_numbers(finished, tmp_path / "out.h5")


def slow():
    """Tasks of some tenths of a second."""
    return spec(algorithms={"SGD": {"epochs": 4000}}, grid={"n_inputs": [31]})


def worker_processes():
    mine = psutil.Process().children(recursive=True)
    return [process for process in mine if "spawn_main" in " ".join(process.cmdline())]


@pytest.mark.slow
def test_a_worker_that_is_killed_in_a_task_costs_nothing_but_time(tmp_path):
    bl.run_sweep(slow(), tmp_path / "whole.h5")
    killed = []

    def kill_one(progress):
        if progress.finished in (1, 3):
            victim = max(worker_processes(), key=lambda process: process.cpu_times().user)
            killed.append(victim.pid)
            victim.kill()

    store = bl.run_sweep(slow(), tmp_path / "out.h5", workers=2, report=kill_one)
    assert len(set(killed)) == 2
    assert set(store.states().values()) == {DONE}
    assert_same_numbers(tmp_path / "whole.h5", tmp_path / "out.h5", slow())


class Poison(WorkerPlugin):
    """Every worker dies of one task."""

    def setup(self, worker):
        execute_all = workers.execute_all

        def deadly(text, jobs):
            if any(job.task == training(cell(), 1) for job in jobs):
                os._exit(1)
            return execute_all(text, jobs)

        workers.execute_all = deadly


@pytest.mark.slow
def test_a_task_that_kills_every_worker_fails_and_the_others_are_done(finished, tmp_path):
    bad = training(cell(), 1)
    with cluster(2) as (address, _):
        with Client(address) as client:
            client.register_plugin(Poison())
        store = bl.run_sweep(spec(), tmp_path / "out.h5", scheduler=address)
    states = store.states()
    assert states[bad] == FAILED
    assert "worker that tried this task died" in store.failures()[bad]
    assert all(state == DONE for task, state in states.items() if task != bad and bad not in task.needs)
    bl.run_sweep(spec(), tmp_path / "out.h5", retry_failed=True)
    assert_same_numbers(finished, tmp_path / "out.h5")


def test_a_lost_scheduler_is_one_clear_error_and_the_sweep_goes_on_later(finished, tmp_path):
    path = tmp_path / "out.h5"

    with cluster(1) as (address, scheduler):

        def kill_scheduler(progress):
            if progress.finished == 1:
                scheduler.kill()

        with pytest.raises(ClusterError, match="the Dask scheduler is lost; what is done is safe"):
            bl.run_sweep(spec(), path, scheduler=address, report=kill_scheduler)
    bl.run_sweep(spec(), path)
    assert_same_numbers(finished, path)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "carrier-pigeon://1"])
def test_a_scheduler_that_does_not_answer_is_one_clear_error(tmp_path, monkeypatch, address):
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterError, match=f"scheduler '{address}': no Dask scheduler answers"):
        bl.run_sweep(spec(), tmp_path / "out.h5", scheduler=address)


def test_workers_with_other_code_are_refused():
    with pytest.raises(ClusterError, match="runs other code"):
        workers.run_batch("other", spec().text(), b"", [])
    stamp = code_stamp(spec().family.stamp())
    (trained,) = workers.run_batch(stamp, spec().text(), b"", [Job(training(cell(), 0))])
    assert np.isfinite(trained.arrays["history"]).all()
    (measured,) = workers.run_batch(stamp, spec().text(), b"", [Job(errors(cell(), 0), (trained.arrays,))])
    assert np.isfinite(measured.arrays["test_error"])


def test_short_tasks_travel_together_and_long_ones_alone():
    class FakeClient:
        loop = object()

        def nthreads(self):
            return {"worker": 1}

    from binland.sweep.graph import Graph

    graph = Graph([task for task in tasks(spec()) if task.kind == TRAINING])
    batches = workers._Batches(FakeClient(), spec(), graph, lambda: Job(graph.pop()))
    assert len(batches._next_batch()) == 1
    for label in ("SGD", "RSGD"):
        for n_inputs in (21, 31):
            batches._seconds["solution", cell(n_inputs).point, label] = workers.BATCH_SECONDS / 3.5
    assert len(batches._next_batch()) == 4


STAND_IN = """#!/bin/bash
cp "$1" "$(dirname "$0")/job.sh"
setsid bash "$(dirname "$0")/job.sh" > "$(dirname "$0")/job.out" 2>&1 &
echo "Submitted batch job $!"
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_the_slurm_example_works_with_a_stand_in_for_slurm(finished, tmp_path):
    """Its own configuration but for the size of a job; `sbatch` starts the job's script here."""
    pytest.importorskip("dask_jobqueue")
    example, tools = ROOT / "examples" / "slurm", tmp_path / "bin"
    tools.mkdir()
    (tmp_path / "jobqueue.yaml").write_text(
        (example / "jobqueue.yaml")
        .read_text()
        .replace("cores: 16", "cores: 2")
        .replace("processes: 16", "processes: 2")
    )
    (tmp_path / "small.toml").write_text(TEXT)
    for name, text in {"sbatch": STAND_IN, "scancel": '#!/bin/bash\nkill -- "-$1"\n'}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "DASK_CONFIG": str(tmp_path), "PATH": f"{tools}:{os.environ['PATH']}"
    }  # fmt: skip
    command = [sys.executable, str(example / "sweep.py"), "small.toml", "out.h5", "1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    job = (tools / "job.sh").read_text()
    assert "#SBATCH --cpus-per-task=2" in job
    assert "--nthreads 1" in job
    assert "--nworkers 2" in job
    assert_same_numbers(finished, tmp_path / "out.h5")


def test_what_is_measured_of_a_short_training_goes_with_it(finished, tmp_path):
    """In one message: the worker takes the solution from the training; a training that fails takes nothing along."""
    small = spec()
    jobs = [Job(training(cell(), 1)), *(Job(Task(kind, cell(), (1,)), None) for kind in ("errors", "local_energy"))]
    outcomes = execute_all(small.text(), jobs)
    with Store.open(finished).snapshot() as snapshot:
        for job, outcome in zip(jobs, outcomes, strict=True):
            for name, values in outcome.arrays.items():
                whole = snapshot.values(job.task, name)
                part = whole[tuple(slice(0, length) for length in values.shape)]
                assert np.array_equal(part, values, equal_nan=True), name
    broken = [Job(Task("solution", Cell((7,), 0, "SGD"), (0,))), Job(Task("errors", Cell((7,), 0, "SGD"), (0,)), None)]
    failed, nothing = execute_all(small.text(), broken)
    assert failed.failure
    assert nothing is None


def test_followers_leave_a_graph_with_their_training():
    small = spec()
    first = training(cell(), 0)
    graph = Graph(tasks(small))
    followers = graph.followers(first)
    assert {task.kind for task in followers} == {"errors", "local_energy"}
    graph.take_followers(first)
    assert graph.followers(first) == []
    before = len(graph)
    graph.done(first)
    assert len(graph) == before  # its pairs wait for others, too
