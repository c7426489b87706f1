"""AutoNEB: known saddles, a plain twin, symmetric networks, checkpoints, budgets, refusals."""

import numpy as np
import pytest
import torch

import deepbridge as db
from binland.errors import InvalidInputError, StoreError
from deepbridge.connectivity import AutoNEB, autoneb
from deepbridge.connectivity.batches import Batches
from tests.deepbridge.connectivity import problems
from tests.deepbridge.connectivity.potentials import MINIMA, SADDLES, double_well, mueller_brown, ring
from tests.naive import connectivity as naive

QUICK = AutoNEB(cycles=[(20, 0.05), (20, 0.02), (10, 0.01)], batch_size=20, threshold=0.01, between=4)


def test_saddles_of_the_mueller_brown_potential_to_four_digits():
    settings = AutoNEB(cycles=[(300, 1e-4)] * 6, weight_decay=0.0, threshold=0.01, between=99)
    whole = autoneb(mueller_brown(), MINIMA[0], MINIMA[2], settings)
    assert whole.highest_loss == pytest.approx(SADDLES[0], abs=0.01)
    second = autoneb(mueller_brown(), MINIMA[1], MINIMA[2], settings)
    assert second.highest_loss == pytest.approx(SADDLES[1], abs=0.01)
    assert whole.history[0] > 10  # on the straight line
    assert whole.complete


@pytest.mark.parametrize("height", [0.5, 2.0])
def test_the_barrier_of_a_double_well(height):
    path = autoneb(double_well(height), [-1.0, 0.0], [1.0, 0.0], AutoNEB(cycles=[(50, 0.01)] * 3, weight_decay=0.0))
    assert path.highest_loss == pytest.approx(height, rel=1e-6)
    assert path.saddle == pytest.approx(0.5, abs=0.01)
    assert np.isnan(path.barrier)  # there are no labels
    assert path.errors is None


@pytest.mark.slow
def test_a_way_around_a_hill_costs_nothing():
    well = ring()
    settings = AutoNEB(cycles=[(300, 0.02)] * 8, pivots=5, weight_decay=0.0, threshold=0.01)
    path = autoneb(well, [-1.0, 0.0], [np.cos(0.3), np.sin(0.3)], settings)
    assert path.highest_loss < 0.02
    assert path.length == pytest.approx(np.pi - 0.3, rel=0.03)
    assert path.detour > 1.3


@pytest.mark.slow
def test_springs_find_the_same_saddle():
    settings = AutoNEB(cycles=[(3000, 1e-4)] * 3, pivots=9, spring=10.0, weight_decay=0.0, momentum=0.0, between=99)
    path = autoneb(mueller_brown(), MINIMA[1], MINIMA[2], settings)
    assert path.highest_loss == pytest.approx(SADDLES[1], abs=0.01)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_the_chain_is_that_of_a_loop_over_points(kind):
    scape, twin = problems.landscape(kind), problems.twin(kind)
    ends = [scape.point(problems.solution(kind, seed)).numpy() for seed in range(2)]
    path = autoneb(scape, *ends, QUICK, seed=3, progress=False)
    batches = Batches(60, 20, 3, "autoneb")
    chain, history = naive.autoneb(twin.value, twin.slope, *ends, QUICK, lambda step: batches[step])
    assert len(chain) > 5  # points were inserted
    np.testing.assert_allclose(path.corners, np.stack(chain), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(path.history[:-1], history, rtol=1e-9)
    losses, _, _ = naive.profile(twin.value, chain, QUICK.between)
    np.testing.assert_allclose(path.losses, losses, rtol=1e-8)
    wrong, _, _ = naive.profile(twin.wrong, chain, QUICK.between)
    assert path.error_counts.tolist() == wrong
    assert path.gradients == 20 * 3 + 20 * 5 + 10 * (len(chain) - 2)


@pytest.mark.parametrize("geometry", ["flat", "toroid"])
@pytest.mark.parametrize("alignment", ["greedy", "coordinate", "activations"])
def test_two_shuffled_copies_of_a_network_have_no_barrier_when_aligned(geometry, alignment):
    """A network that has learnt its data, and a copy with its units in another order, by every method."""
    net, data = problems.network(), problems.data()
    one = db.fit(net, data, db.continuous.SGD(epochs=200, batch_size=20, learning_rate=0.1), seed=0, dtype="float64")
    order = np.random.default_rng(0).permutation(7)
    state = dict(one.state)
    state["1.weight"], state["1.bias"] = state["1.weight"][order], state["1.bias"][order]
    state["3.weight"] = state["3.weight"][:, order]
    shuffled = one.at(state)
    scape = problems.landscape(geometry=geometry)
    loss, error = scape.values(scape.point(one)[None]).losses[0], one.error(data)
    assert db.connectivity.line(scape, one, shuffled).barrier > error
    quick = AutoNEB(cycles=[(10, 0.01)] * 2, batch_size=60)
    methods = [
        db.connectivity.line(scape, one, shuffled, alignment=alignment),
        autoneb(scape, one, shuffled, quick, alignment=alignment),
        db.connectivity.curve(scape, one, shuffled, db.connectivity.Curve(epochs=5), alignment=alignment),
        db.connectivity.star(
            scape, [one, shuffled], db.connectivity.Star(epochs=5, learning_rate=1e-3), alignment=alignment
        ),
    ]
    for made in methods:
        assert made.barrier == error
        assert made.highest_loss == pytest.approx(loss, rel=1e-6)


def test_a_toroid_keeps_the_chain_on_its_spheres():
    scape = problems.landscape("norm", geometry="toroid")
    path = autoneb(scape, problems.solution("norm", 0), problems.solution("norm", 1), QUICK)
    corners = torch.from_numpy(path.corners)
    torch.testing.assert_close(scape.geometry.onto(corners), corners)
    assert path.history[-1] < path.history[0]
    assert path.length == pytest.approx(float(scape.geometry.lengths(corners).sum()))


def test_points_and_networks_along_a_path():
    scape = problems.landscape("norm")
    path = autoneb(scape, problems.solution("norm", 0), problems.solution("norm", 1), QUICK)
    for k in (0, 7, len(path.ts) - 1):
        network = path.solution(float(path.ts[k]))
        assert network.error_count(problems.data("norm")) == path.error_counts[k]
        assert network.loss(problems.data("norm", seed=1)) == pytest.approx(path.test_losses[k], rel=1e-6)
    with pytest.raises(InvalidInputError, match="t="):
        path.point(1.5)


def test_a_budget_ends_the_descent_and_is_never_exceeded():
    scape = problems.landscape()
    path = autoneb(scape, problems.solution(seed=0), problems.solution(seed=1), QUICK, budget=50)
    assert not path.complete
    assert path.gradients == 48  # three points move together


def test_an_interrupted_band_goes_on_bit_for_bit(tmp_path, monkeypatch):
    scape, ends = problems.landscape(dtype="float32"), [problems.solution(seed=seed) for seed in (0, 1)]
    whole = autoneb(scape, *ends, QUICK)
    for stop in (1, 2, 3):
        file = tmp_path / f"{stop}.checkpoint"
        count = 0

        def interrupted(self, rate, stop=stop, step=db.connectivity.bands.Band._step):
            nonlocal count
            count += 1
            if count == 16 * stop:
                raise KeyboardInterrupt
            step(self, rate)

        with monkeypatch.context() as patch:
            patch.setattr("deepbridge.connectivity.bands.Band._step", interrupted)
            patch.setattr("deepbridge.connectivity.bands.BLOCK", 5)
            with pytest.raises(KeyboardInterrupt):
                autoneb(scape, *ends, QUICK, checkpoint=file, checkpoint_seconds=0)
            patch.undo()
        again = autoneb(scape, *ends, QUICK, checkpoint=file)
        assert np.array_equal(again.corners, whole.corners)
        assert (again.gradients, again.evaluations) == (whole.gradients, whole.evaluations)
        assert again.history.tolist() == whole.history.tolist()
        finished = autoneb(scape, *ends, QUICK, checkpoint=file)
        assert np.array_equal(finished.corners, whole.corners)


def test_checkpoints_of_other_bands_and_damaged_ones_are_refused(tmp_path):
    scape, ends = problems.landscape(), [problems.solution(seed=seed) for seed in (0, 1)]
    file = tmp_path / "band.checkpoint"
    autoneb(scape, *ends, QUICK, checkpoint=file)
    before = file.read_bytes()
    others = [
        lambda: autoneb(scape, *ends, AutoNEB(cycles=[(5, 0.1)]), checkpoint=file),
        lambda: autoneb(scape, *ends, QUICK, seed=1, checkpoint=file),
        lambda: autoneb(scape, *reversed(ends), QUICK, checkpoint=file),
        lambda: autoneb(problems.landscape(geometry="toroid"), *ends, QUICK, checkpoint=file),
    ]
    for other in others:
        with pytest.raises(InvalidInputError, match="is the checkpoint of another"):
            other()
    assert file.read_bytes() == before
    file.write_bytes(before[:-3])
    with pytest.raises(StoreError, match="not a whole checkpoint"):
        autoneb(scape, *ends, QUICK, checkpoint=file)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cycles": []}, "cycles="),
        ({"cycles": [3]}, "not a pair"),
        ({"cycles": [(0, 0.1)]}, "steps of a cycle"),
        ({"cycles": [(5, -0.1)]}, "learning rate of a cycle"),
        ({"pivots": 0}, "pivots="),
        ({"threshold": -1}, "threshold="),
        ({"momentum": 1.0}, "momentum=1"),
        ({"spring": 0}, "spring="),
        ({"batch_size": 0.5}, "batch_size="),
    ],
)
def test_settings_out_of_range_are_refused(options, text):
    with pytest.raises(InvalidInputError, match=text):
        AutoNEB(**options)


def test_other_arguments_that_are_refused():
    well = double_well()
    with pytest.raises(InvalidInputError, match="not a landscape"):
        autoneb("well", [0, 0], [1, 1])
    with pytest.raises(InvalidInputError, match="not an AutoNEB"):
        autoneb(well, [-1, 0], [1, 0], 5)
    with pytest.raises(InvalidInputError, match="budget="):
        autoneb(well, [-1, 0], [1, 0], QUICK, budget=0)
    with pytest.raises(InvalidInputError, match="diverged in cycle 1"):
        autoneb(double_well(1e6), [-1, 0.1], [1, 0.2], AutoNEB(cycles=[(500, 10.0)]))


def test_published_settings():
    settings = AutoNEB()
    assert settings.n_steps == 16_000
    assert settings.scaled(0.01).n_steps == 160
    assert [rate for _, rate in settings.cycles] == [0.1] * 6 + [0.01] * 4 + [0.001] * 4


def test_binary_networks_move_in_their_latents():
    rng = np.random.default_rng(0)
    train = db.Dataset(rng.choice([-1, 1], (60, 21)).astype(np.int16), rng.choice([-1, 1], 60), 2)
    a, b = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=30), seeds=[0, 1])
    scape = db.landscape(a.network, train)
    path = autoneb(scape, a, b, AutoNEB(cycles=[(50, 0.05)] * 4, batch_size=60, weight_decay=0.0), alignment="greedy")
    assert path.history[-1] < path.history[0]
    assert path.solution(0.5).error(train) <= path.barrier


def test_budgets_that_end_with_a_cycle_change_nothing(tmp_path):
    well, settings = double_well(), AutoNEB(cycles=[(30, 0.01)] * 3, threshold=0.01, between=4)
    whole, file = autoneb(well, [-1, 0.0], [1, 0.0], settings), tmp_path / "band"
    assert len(whole.corners) > 5
    for budget in (90, 90, 91, 94, 200, 200, 210, 240, 240):
        part = autoneb(well, [-1, 0.0], [1, 0.0], settings, budget=budget, checkpoint=file)
        assert not part.complete
    again = autoneb(well, [-1, 0.0], [1, 0.0], settings, checkpoint=file)
    np.testing.assert_array_equal(again.corners, whole.corners)
    np.testing.assert_array_equal(again.history, whole.history)
    assert (again.gradients, again.evaluations) == (whole.gradients, whole.evaluations)


def test_the_threshold_is_a_share_of_what_the_points_of_the_chain_differ_by():
    hill = db.connectivity.Function(lambda x: torch.exp(-((x[0] - 0.1) ** 2) / 0.002), size=2)
    still = AutoNEB(cycles=[(1, 1e-9)] * 2, pivots=3, inserted=9, threshold=2.0, between=9, weight_decay=0.0)
    # points at -1, -0.5, 0, 0.5, 1 have losses 0, 0, exp(-5), 0, 0; between 0 and 0.5 there is 1, many times as much
    assert len(autoneb(hill, [-1, 0.0], [1, 0.0], still).corners) == 6


def test_a_file_beside_a_checkpoint_is_kept(tmp_path):
    other = tmp_path / "run.part"
    other.write_text("precious")
    with pytest.raises(StoreError, match=r"'run\.part', where there is another file"):
        autoneb(double_well(), [-1, 0.0], [1, 0.0], QUICK, checkpoint=tmp_path / "run")
    assert other.read_text() == "precious"
    other.write_bytes(b"deepbridge che")  # the rest of a checkpoint whose process was killed
    autoneb(double_well(), [-1, 0.0], [1, 0.0], QUICK, checkpoint=tmp_path / "run")
    assert {one.name for one in tmp_path.iterdir()} == {"run"}


def test_of_a_link_the_file_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "far" / "run")
    path = autoneb(double_well(), [-1, 0.0], [1, 0.0], QUICK, checkpoint=link)
    assert link.is_symlink()
    assert (tmp_path / "far" / "run").is_file()
    again = autoneb(double_well(), [-1, 0.0], [1, 0.0], QUICK, checkpoint=link)
    np.testing.assert_array_equal(again.corners, path.corners)
