"""What makes notebooks and scripts feel at home: versions, callbacks, logging, bars, and how things show themselves."""

import contextlib
import logging
import subprocess
import sys
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import binland as bl
import deepbridge as db
from binland import bar, cli, environment, summary
from binland.callbacks import TrainingState, ended_by
from binland.errors import InvalidInputError
from binland.sweep import progress
from tests.sweep.small import spec

PATTERNS = bl.Patterns.random(90, 51, seed=0)
MACHINES = [bl.Perceptron(51), bl.CommitteeMachine(51, 5)]
ALGORITHMS = [
    bl.SGD(epochs=6, batch_size=30),
    bl.SGD(epochs=400, batch_size=30, stop_at_zero_error=True),
    bl.RSGD(epochs=5, batch_size=40, replicas=3),
    bl.RSGD(epochs=3, replicas=1),
    bl.ADV(epochs=4, pretrain_epochs=3),
    bl.SimulatedAnnealing(sweeps=40, records=6, replicas=2),
    bl.SimulatedAnnealing(sweeps=400),
    bl.FBP(steps=6),
    bl.RBP(sweeps=7),
]


def run(capsys, monkeypatch, *arguments):
    """Exit code and stdout of a command."""
    monkeypatch.setattr(sys, "argv", ["binland", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().out


def same(a, b):
    """Whether two solutions of binland are equal to the last bit."""
    histories = np.array_equal(a.history, b.history, equal_nan=True)
    latents = (a.latents is None) == (b.latents is None) and (a.latents is None or np.array_equal(a.latents, b.latents))
    return np.array_equal(a.weights, b.weights) and histories and latents


# Versions


def test_the_version_is_that_of_the_distribution(capsys, monkeypatch):
    assert bl.__version__ == db.__version__ == metadata.version("binland")
    assert "__version__" in dir(bl)
    assert run(capsys, monkeypatch, "--version") == (0, f"binland {bl.__version__}\n")


@pytest.mark.parametrize("command", ["", "sweep", "status", "plot", "export", "merge", "info", "show-config"])
def test_every_command_has_a_short_help(command, capsys, monkeypatch):
    code, text = run(capsys, monkeypatch, *filter(None, [command, "-h"]))
    assert code == 0
    assert text.startswith("Usage: binland")
    assert (code, text) == run(capsys, monkeypatch, *filter(None, [command, "--help"]))


def test_words_are_completed():
    environment = {"_BINLAND_COMPLETE": "complete_bash", "COMP_WORDS": "binland sweep --sc", "COMP_CWORD": "2"}
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split() == ["--scheduler"]


START = "import sys; sys.argv = ['binland']; from binland.cli import main; main()"


def test_a_bug_report_says_what_there_is(capsys, monkeypatch):
    monkeypatch.setenv("BINLAND_DATA", "/some/where")
    assert bl.show_config() is None
    printed = capsys.readouterr().out
    facts = bl.show_config(mode="dicts")
    assert capsys.readouterr().out == ""
    assert facts["binland"] == bl.__version__
    assert facts["numpy"] == np.__version__
    assert facts["data"].startswith("/some/where, else ")
    assert "BINLAND_DATA=/some/where" in facts["variables"]
    assert all(f"{name} " in printed and value in printed for name, value in facts.items())
    assert run(capsys, monkeypatch, "show-config") == (0, printed)
    with pytest.raises(InvalidInputError, match="mode='json'"):
        bl.show_config("json")


def test_a_library_that_is_missing_is_said_to_be(monkeypatch):
    monkeypatch.setattr(environment, "LIBRARIES", ("no-such-library",))
    assert bl.show_config(mode="dicts")["no-such-library"] == "not installed"


def test_what_is_shown_of_an_installation_needs_no_torch():
    show = "import sys, binland as bl; bl.show_config(mode='dicts'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout == "False\n"


# Callbacks


@pytest.mark.parametrize("machine", MACHINES, ids=["perceptron", "committee"])
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_a_callback_changes_no_number(machine, algorithm):
    seen = []
    alone = bl.fit(machine, PATTERNS, algorithm, 3)
    watched = bl.fit(machine, PATTERNS, algorithm, 3, callback=lambda state: seen.append((state, state.solution())))
    assert same(alone, watched)
    training = [(state, solution) for state, solution in seen if state.phase == "training"]
    assert [state.error for state, _ in training] == [*alone.history]
    assert [len(solution.history) for _, solution in training] == [k + 1 for k in range(len(training))]
    assert same(training[-1][1], alone)
    assert {solution.algorithm for _, solution in seen} == {algorithm}
    epochs = [state.epoch for state, _ in training]
    assert epochs == sorted(epochs)
    assert epochs[-1] <= training[0][0].n_epochs == algorithm.n_steps - getattr(algorithm, "pretrain_epochs", 0)
    if alone.replicas is not None:
        known = np.concatenate([state.replica_errors for state, _ in training])
        assert np.array_equal(known, alone.replicas.history)


def test_the_first_phase_of_adv_is_told_apart():
    seen = []
    bl.fit(MACHINES[1], PATTERNS, ALGORITHMS[4], 0, callback=lambda s: seen.append((s.phase, s.epoch, s.n_epochs)))
    assert seen == [("pretraining", k, 3) for k in (1, 2, 3)] + [("training", k, 4) for k in (1, 2, 3, 4)]


def test_random_labels_have_no_train_error():
    errors = []
    bl.fit(MACHINES[1], PATTERNS, ALGORITHMS[4], 0, callback=lambda s: errors.append(s.error))
    assert [*np.isnan(errors)] == [True] * 3 + [False] * 4


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_a_callback_ends_a_training(algorithm):
    kept = []

    def end(state):
        kept.append(state.solution())
        return len(kept) == 2

    ended = bl.fit(MACHINES[1], PATTERNS, algorithm, 3, callback=end)
    assert len(kept) == 2
    assert same(ended, kept[-1])
    assert len(ended.history) == (0 if isinstance(algorithm, bl.ADV) else 2)
    whole = bl.fit(MACHINES[1], PATTERNS, algorithm, 3)
    assert np.array_equal(ended.history, whole.history[: len(ended.history)])


def test_an_ended_training_is_a_shorter_one():
    ended = bl.fit(MACHINES[1], PATTERNS, bl.SGD(epochs=9), 3, callback=lambda state: state.epoch == 4)
    assert same(ended, bl.fit(MACHINES[1], PATTERNS, bl.SGD(epochs=4), 3))


@pytest.mark.parametrize("answer", [None, 1, [0], "yes", object(), np.float64(1), False, np.False_])
def test_only_true_ends_a_training(answer):
    assert len(bl.fit(MACHINES[0], PATTERNS, bl.SGD(epochs=3), 3, callback=lambda _: answer).history) == 3


@pytest.mark.parametrize("answer", [True, np.True_])
def test_true_of_any_library_ends_a_training(answer):
    assert len(bl.fit(MACHINES[0], PATTERNS, bl.SGD(epochs=3), 3, callback=lambda _: answer).history) == 1


def test_a_state_is_over_with_its_callback():
    """Else .solution() would be of another epoch than .epoch says."""
    states = []
    bl.fit(MACHINES[0], PATTERNS, bl.SGD(epochs=3), 3, callback=states.append)
    for state in states:
        with pytest.raises(InvalidInputError, match="the training has gone on"):
            state.solution()
    assert repr(states[0]) == f"TrainingState(phase='training', epoch=1, n_epochs=3, error={states[0].error:.4g})"


@pytest.mark.parametrize("run", [1, -1, 0.5, "0"])
def test_a_run_that_there_is_not(run):
    def ask(state):
        with pytest.raises(InvalidInputError, match="run="):
            state.solution(run)

    bl.fit(MACHINES[0], PATTERNS, bl.SGD(epochs=1), 3, callback=ask)


def test_what_a_callback_raises_ends_the_training():
    with pytest.raises(ZeroDivisionError):
        bl.fit(MACHINES[0], PATTERNS, bl.SGD(epochs=3), 3, callback=lambda _: 1 / 0)


@pytest.mark.parametrize("bad", [5, "x", [len]])
def test_a_callback_can_be_called(bad):
    with pytest.raises(InvalidInputError, match=r"callback=.* is not a function"):
        bl.fit(MACHINES[0], PATTERNS, bl.SGD(epochs=1), 3, callback=bad)


@dataclass(frozen=True, kw_only=True)
class Deaf(bl.Algorithm):
    families = ("perceptron",)

    def fit(self, machine, data, seed, start=None):
        return bl.Solution(machine, np.ones(machine.weight_shape, np.int8))


@dataclass(frozen=True, kw_only=True)
class Telling(Deaf):
    def fit(self, machine, data, seed, start=None, callback=None):
        made = super().fit(machine, data, seed)
        state = TrainingState("training", 1, 1, np.array([made.error(data)]), None, lambda _: made)
        if callback is not None:
            ended_by(callback, state)
        return made


def test_an_algorithm_of_ones_own_says_whether_it_takes_a_callback():
    with pytest.raises(InvalidInputError, match=r"Deaf\.fit does not take one; leave callback out"):
        bl.fit(MACHINES[0], PATTERNS, Deaf(), 0, callback=print)
    seen = []
    made = bl.fit(MACHINES[0], PATTERNS, Telling(), 0, callback=lambda state: seen.append(state.error))
    assert seen == [made.error(PATTERNS)]


DATA = db.Dataset(np.random.default_rng(0).integers(-50, 50, (40, 6)), np.arange(40) % 3, 3)
DEEP = [
    db.SGD(epochs=5, learning_rate=1.0, batch_size=13),
    db.SGD(epochs=5, learning_rate=1.0, history_every=2, optimizer="adam"),
    db.RSGD(epochs=4, learning_rate=1.0, replicas=3),
    db.ADV(epochs=3, learning_rate=1.0, pretrain_epochs=2),
]


@pytest.mark.parametrize("algorithm", DEEP, ids=lambda a: type(a).__name__)
def test_a_callback_changes_no_number_of_deep_networks(algorithm):
    network, states, solutions = db.BinaryMLP(6, (7,), 3), [], []

    def look(state):
        states.append(state)
        solutions.append([state.solution(run) for run in range(2)])

    alone = db.fit_many(network, DATA, algorithm, [0, 1])
    watched = db.fit_many(network, DATA, algorithm, [0, 1], callback=look)
    for a, b, last in zip(alone, watched, solutions[-1], strict=True):
        for other in (b, last):
            assert np.array_equal(a.flat, other.flat)
            assert all(np.array_equal(*pair) for pair in zip(a.latents, other.latents, strict=True))
            assert np.array_equal(a.history, other.history, equal_nan=True)
    known = np.array([state.errors for state in states if state.phase == "training"])
    assert np.array_equal(known.T, [one.history for one in alone], equal_nan=True)
    assert all(np.isnan(state.errors).all() for state in states if state.phase == "pretraining")
    assert len(states) == algorithm.n_steps
    assert solutions[0][0].history is not solutions[-1][0].history


def test_a_training_of_a_deep_network_ends_and_goes_on(tmp_path):
    network, file = db.BinaryMLP(6, (7,), 3), tmp_path / "run.pt"
    ended = db.fit(network, DATA, DEEP[0], 0, checkpoint=file, callback=lambda state: state.epoch == 2)
    assert [*np.isnan(ended.history)] == [False] * 2 + [True] * 3
    whole = db.fit(network, DATA, DEEP[0], 0)
    assert np.array_equal(ended.history[:2], whole.history[:2])
    on = db.fit(network, DATA, DEEP[0], 0, checkpoint=file)
    assert np.array_equal(on.flat, whole.flat)
    assert np.array_equal(on.history, whole.history)


def test_a_run_that_has_ended_keeps_its_error():
    network, algorithm = db.BinaryMLP(6, (31,), 3), db.SGD(epochs=60, learning_rate=1.0, stop_at_zero_error=True)
    data, errors = db.Dataset(DATA.inputs[:8], np.arange(8) % 3, 3), []
    runs = db.fit_many(network, data, algorithm, [0, 1, 2], callback=lambda state: errors.append(state.errors))
    lasts = [run.history[~np.isnan(run.history)][-1] for run in runs]
    assert 0 in lasts
    assert any(np.isnan(run.history[len(errors) - 1]) for run in runs)  # one has ended before the others
    assert not np.isnan(errors).any()
    assert np.array_equal(errors[-1], lasts)
    for run, last in zip(runs, lasts, strict=True):
        cells = Cells(run._repr_html_()).texts
        assert cells[cells.index("last of history") + 1] == f"{last:.4g}"


@pytest.mark.parametrize(
    "setting",
    [
        lambda: torch.set_float32_matmul_precision("medium"),
        lambda: torch.set_grad_enabled(False),
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_num_threads(2),
    ],
)
def test_settings_of_torch_that_a_callback_makes_change_no_number(setting):
    network, data = db.MLP(64, (32,), 3), (np.random.default_rng(0).normal(size=(60, 64)), np.arange(60) % 3)
    algorithm = db.continuous.SGD(epochs=3)
    whole = db.fit(network, data, algorithm, 0)
    before = torch.get_float32_matmul_precision(), torch.is_grad_enabled()
    kept = torch.get_num_threads(), torch.get_default_dtype()
    try:
        told = db.fit(network, data, algorithm, 0, callback=lambda _: setting())
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.set_grad_enabled(before[1])
    assert np.array_equal(told.flat, whole.flat)
    assert kept == (torch.get_num_threads(), torch.get_default_dtype())


def test_a_training_of_a_continuous_network_ends():
    network, data = db.MLP(6, (5,), 3), (np.random.default_rng(0).normal(size=(20, 6)), np.arange(20) % 3)
    algorithm = db.continuous.SGD(epochs=5, history_every=1)
    ended = db.fit(network, data, algorithm, 0, callback=lambda state: state.epoch == 2)
    whole = db.fit(network, data, algorithm, 0)
    assert np.array_equal(ended.history[:2], whole.history[:2])
    assert np.isnan(ended.history[2:]).all()


def test_an_algorithm_of_ones_own_is_asked_by_deepbridge_too():
    network = db.BinaryMLP(6, (7,), 3)
    with pytest.raises(InvalidInputError, match=r"Deaf\.fit does not take one"):
        db.fit(network, DATA, Deaf(), 0, callback=print)
    with pytest.raises(InvalidInputError, match=r"callback=5 is not a function"):
        db.fit(network, DATA, DEEP[0], 0, callback=5)


# Logging


def test_nothing_is_printed_unless_logging_is_configured(tmp_path):
    script = """
import logging, numpy as np, binland as bl, deepbridge as db
from binland.log import logger
bl.fit(bl.Perceptron(5), bl.Patterns.random(4, 5, seed=0), bl.SGD(epochs=1), 0)
db.fit(db.BinaryMLP(5, ()), bl.Patterns.random(4, 5, seed=0), db.SGD(epochs=1), 0)
logger.warning("nobody hears this")
assert logging.getLogger("binland").level == logging.getLogger("deepbridge").level == logging.NOTSET
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == done.stderr == ""


def test_a_sweep_and_its_failures_are_logged(tmp_path, caplog, monkeypatch):
    def failing(*_, **__):
        raise ZeroDivisionError("never")

    with caplog.at_level(logging.DEBUG), monkeypatch.context() as patch:
        patch.setattr(bl.SGD, "fit", failing)
        bl.run_sweep(spec(), tmp_path / "a.h5", progress=False)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "binland"]
    assert any(level == "INFO" and "tasks to do" in text for level, text in lines)
    failed = [text for level, text in lines if level == "WARNING"]
    assert failed
    assert all(text.endswith("ZeroDivisionError: never") and "SGD" in text for text in failed)
    assert any(level == "DEBUG" and "a new version has taken its place" in text for level, text in lines)


def test_begin_and_end_of_a_training_are_logged(caplog):
    with caplog.at_level(logging.DEBUG):
        bl.fit(MACHINES[0], PATTERNS, bl.SGD(epochs=3), 0)
        db.fit(db.BinaryMLP(6, (7,), 3), DATA, DEEP[0], 0)
    ours = [record for record in caplog.records if record.name in ("binland", "deepbridge")]
    assert [record.name for record in ours] == ["binland"] * 2 + ["deepbridge"] * 2
    assert {record.levelname for record in ours} == {"DEBUG"}


# Bars


class Output:
    """Stands for the output of a notebook's cell."""

    def __init__(self):
        self.shown = []

    def display(self, thing, display_id):
        assert display_id
        self.update(thing)
        return self

    def update(self, thing, raw=False):
        self.shown.append(thing if raw else thing._repr_mimebundle_([], [])["text/html"])


@pytest.fixture
def notebook(monkeypatch):
    output = Output()
    monkeypatch.setitem(sys.modules, "IPython.display", output)
    for module in (bar, progress):
        monkeypatch.setattr(module, "errors", SimpleNamespace(is_jupyter=True, is_terminal=False, get_time=lambda: 0.0))
    monkeypatch.setattr(bar, "Progress", lambda *columns, console, **rest: RICH(*columns, **rest))
    return output


RICH = bar.Progress


def test_a_sweep_shows_a_bar_in_a_notebook(notebook, tmp_path, capsys):
    store = bl.run_sweep(spec(), tmp_path / "a.h5")
    total = len(store.states())
    assert "starting" in notebook.shown[0]
    assert f"{total}/{total}" in notebook.shown[-1]
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_sweep_can_be_silent(notebook, tmp_path, capsys):
    bl.run_sweep(spec(), tmp_path / "a.h5", progress=False)
    assert notebook.shown == []
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    with pytest.raises(InvalidInputError, match="progress="):
        bl.run_sweep(spec(), tmp_path / "a.h5", progress=1)


def test_a_training_shows_a_bar_in_a_notebook_and_takes_it_away(notebook):
    db.fit(db.BinaryMLP(6, (7,), 3), DATA, DEEP[0], 0)
    assert "training" in notebook.shown[0]
    assert notebook.shown[-1] == {}
    before = len(notebook.shown)
    db.fit(db.BinaryMLP(6, (7,), 3), DATA, DEEP[0], 0, progress=False)
    assert len(notebook.shown) == before


def test_there_is_no_bar_without_terminal_or_notebook(capsys, tmp_path):
    with bar.Bar(description="x", total=3) as shown:
        shown.update(completed=3)
    bl.run_sweep(spec(), tmp_path / "a.h5")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# How things show themselves


class Cells(HTMLParser):
    """The texts of a table; refuses tags that are left open."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.open = [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def results():
    """One of every result."""
    small, few = bl.CommitteeMachine(7, 3), bl.Patterns.random(6, 7, seed=1)
    a, b, c = (bl.fit(small, few, bl.SGD(epochs=2), seed) for seed in range(3))
    every = bl.enumerate_solutions(small, few)
    one, two, three = db.fit_many(db.BinaryMLP(6, (7,), 3), DATA, DEEP[0], [0, 1, 2])
    data = (np.random.default_rng(0).normal(size=(20, 6)), np.arange(20) % 3)
    u, v, w = db.fit_many(db.MLP(6, (5,), 3), data, db.continuous.SGD(epochs=1), [0, 1, 2])
    instance = bl.spherical.patterns(5, 9, seed=0)
    return [
        bl.shortest_path(a, b, few, seed=0), bl.barrier(a, b, few, seed=0), bl.optimized_path(a, b, few, seed=0),
        bl.expected_path(a, b, few), bl.local_energy(a, few, [0.1], seed=0), bl.plane(a, b, c, few, points=3),
        bl.align(a, to=b), every, bl.local_entropy(every.solution(0), few, [0.1]), bl.belief_propagation(small, few),
        bl.fit(small, few, bl.RSGD(epochs=1), 0), bl.fit(small, few, bl.RSGD(epochs=1), 0).replicas, a,
        one, db.align(one, to=two), db.shortest_path(one, two, DATA, seed=0), db.barrier(one, two, DATA, seed=0),
        db.plane(one, two, three, DATA, points=3), u, db.align(u, to=v), db.path(u, v, data),
        db.local_energy(u, data, [0.1], 2, 0), db.plane(u, v, w, data, points=3),
        bl.spherical.sample(instance, -1.0, 2, seed=0, spacing=2, burn_in=1),
        bl.spherical.solve(instance, -1.0, seed=0),
    ]  # fmt: skip


def test_every_result_is_one_line_and_a_table(results):
    for result in results:
        line, cells = repr(result), Cells(result._repr_html_()).texts
        kind = type(result).__name__
        assert line.startswith(f"{kind}(")
        assert len(line) < 400, line
        assert not {*"\n\t"} & {*line}
        assert "array(" not in line
        assert "tensor(" not in line
        assert cells[0] == kind
        assert len(cells) > 4


def test_the_table_says_what_the_attributes_do(results):
    path = results[0]
    assert f"length={path.length}, n_points={path.n_points}, barrier={path.barrier:.4g}, order='random'" in repr(path)
    cells = Cells(path._repr_html_()).texts
    assert cells[cells.index("barrier") + 1] == f"{path.barrier:.4g}"
    assert cells[cells.index("start") + 1] == repr(path.start)
    cells = Cells(results[12]._repr_html_()).texts
    assert cells[cells.index("last of history") + 1] == f"{results[12].history[-1]:.4g}"


def test_texts_are_escaped_and_colours_are_the_pages():
    html = summary.table("<b>", [("<script>", "<img onerror='x'>\x1b[31m"), ("n", np.int64(3))])
    assert "<script" not in html
    assert "<img" not in html
    assert "\x1b" not in html
    assert Cells(html).texts == ["<b>", "<script>", r"<img onerror='x'>\x1b[31m", "n", "3"]
    assert "color" not in html
    assert "background" not in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.3333"), (np.float32(0.5), "0.5"), (True, "True"), (np.int8(3), "3"), ("a", "'a'"),
        (np.array([0.1, 0.25]), "[0.1, 0.25]"), (np.zeros(7), "ndarray of shape (7,) and type float64"),
        (float("nan"), "nan"), (np.zeros(0), "[]"), (np.zeros((2, 2), bool), "ndarray of shape (2, 2) and type bool"),
    ],
)  # fmt: skip
def test_values_in_few_letters(value, text):
    assert summary.text(value) == text


def test_a_repr_works_whatever_was_put_together():
    assert repr(bl.Path(None, 0, None)) == "Path(order='random')"
    assert repr(replace(bl.Barrier(None, None), order=3)) == "Barrier(order=3)"
    assert Cells(bl.Path(None, 0, None)._repr_html_()).texts == ["Path", "order", "random"]


# What run_sweep returns


def test_a_sweep_is_gone_on_with(finished):
    sweep = bl.Sweep.open(finished)
    assert sweep.results().identical(bl.load_results(finished))
    where = {"n_inputs": 21, "algorithm": "SGD", "disorder": 1, "solution": 1}
    assert same(sweep.solution(**where), bl.load_solution(finished, **where))
    machine, train, test = sweep.problem(n_inputs=21, disorder=1)
    there = sweep.results().sel(n_inputs=21, algorithm="SGD", disorder=1, solution=1)
    assert machine == sweep.solution(**where).machine
    assert sweep.solution(**where).error(test) == pytest.approx(float(there.test_error), abs=1e-12)
    assert train.n_patterns == 30


def test_a_sweep_is_printed_as_its_file_is_now(tmp_path):
    path = tmp_path / "a b.h5"
    sweep = bl.run_sweep(spec(), path, progress=False)
    larger = spec(grid={"disorder_samples": 3})
    total = len(bl.run_sweep(larger, path, progress=False, extend=True).states())
    assert f"tasks: {total} done of {total}" in repr(sweep)
    assert "3 disorder samples" in repr(sweep)
    assert f"binland plot '{path}'" in repr(sweep)


def test_run_sweep_gives_a_sweep(tmp_path):
    sweep = bl.run_sweep(spec(), tmp_path / "a.h5", progress=False)
    assert type(sweep) is bl.Sweep
    total = len(sweep.states())
    assert f"tasks: {total} done of {total}" in repr(sweep)
    cells = Cells(sweep._repr_html_()).texts
    assert cells[:3] == ["Sweep", "sweep", "small"]
    assert str(tmp_path / "a.h5") in cells
    (tmp_path / "a.h5").unlink()
    assert "cannot be read (No such file or directory)" in repr(sweep)


def test_importing_stays_quick():
    """Nothing heavy, by name: times depend on the machine."""
    heavy = {"numpy", "numba", "scipy", "torch", "rich", "xarray", "logging", "importlib.metadata"}
    show = f"import sys, binland; print({heavy} & set(sys.modules))"
    with contextlib.suppress(KeyError):
        heavy.remove("logging")  # the interpreter's own site packages may bring it
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path}; {show}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "set()\n"
