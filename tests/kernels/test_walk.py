import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland.kernels.walk import codes_into, draw_into
from tests.problems import signs


def naive_draw(uniforms, ends, weights, output_weights):
    """For every end, and every unit, the rows of its flips before it, in the order of a shuffle by definition."""
    H, N = weights.shape
    order = list(range(H * N))
    for t, u in enumerate(uniforms):
        other = t + int(u * (H * N - t))
        order[t], order[other] = order[other], order[t]
    lists = []
    for end in ends:
        rows = [[] for _ in range(H)]
        for flat in order[:end]:
            h, i = divmod(flat, N)
            up = -weights[h, i] * output_weights[h] > 0
            rows[h].append(2 * i + up)
        lists.append(rows)
    return lists


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])  # the wider one is for machines of 2^30 weights and more
@given(st.integers(1, 9), st.integers(1, 40), st.data(), st.integers(0, 2**32))
def test_flips_are_drawn_and_sorted_by_unit(dtype, n_hidden, n_inputs, data, seed):
    rng = np.random.default_rng(seed)
    weights, output_weights = signs(rng, (n_hidden, n_inputs)), signs(rng, n_hidden)
    length = data.draw(st.integers(0, weights.size))
    uniforms, ends = rng.random(length), np.sort(rng.integers(0, length + 1, 5))
    shift = 31 if dtype is np.uint64 else (2 * n_inputs - 1).bit_length()
    codes, rows = np.empty(weights.size, dtype), np.empty(weights.size, np.int32)
    places = np.empty((len(ends) + 1, n_hidden), np.int64)
    codes_into(weights, output_weights, shift, codes)
    draw_into(uniforms, ends, shift, codes, rows, places)
    expected = naive_draw(uniforms, ends, weights, output_weights)
    assert places[0].tolist() == [h * n_inputs for h in range(n_hidden)]
    for place, lists in zip(places[1:], expected, strict=True):
        assert [rows[h * n_inputs : place[h]].tolist() for h in range(n_hidden)] == lists
