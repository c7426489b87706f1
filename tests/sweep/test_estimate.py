import pytest

import binland as bl
from binland.sweep.estimate import estimate
from binland.sweep.tasks import all_tasks
from tests.sweep.small import spec


def test_an_estimate_is_of_the_right_size(tmp_path):
    """A factor of three for the time, on a busy machine; the file must fit in much less."""
    small = spec(
        data={"latent_dim": 101, "n_patterns": 303},
        model={"n_hidden": 21},
        grid={"n_inputs": [101, 151, 201, 301], "disorder_samples": 4},
        algorithms={"RSGD": {"epochs": 200}, "ADV": {}},
    )
    expected = estimate(small)
    store = bl.run_sweep(small, tmp_path / "out.h5")
    seconds = sum(store.seconds().values())
    assert seconds / 3 < expected.work(all_tasks(small)) < 3 * seconds
    assert expected.bytes == pytest.approx((tmp_path / "out.h5").stat().st_size, rel=0.3)


def test_sizes_between_the_timed_ones_follow_a_power_law():
    found = estimate(spec(grid={"n_inputs": [11, 21, 31, 41, 51]}, algorithms={"SGD": {}}))
    assert len(found.seconds) == 2 * 5
    assert all(seconds > 0 for seconds in found.seconds.values())
