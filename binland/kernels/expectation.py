"""Expected errors after random sign flips, in closed form.

Each weight of a set is flipped with probability p, independently. The units then change independently, and with the
characters z^K of the number K of flips kept along, |z| = 1, sums over z condition on K = k exactly.

Only sums, products, quotients and square roots: the same bits on every CPU.
"""

import numpy as np
from numpy.typing import NDArray

from binland.kernels.compiler import kernel
from binland.kernels.vectors import WIDTH, load_floats, minus_product, plus_product, store_floats

NEGLIGIBLE = 1e-19  # probabilities below this share of the largest are left out


@kernel
def binomial_into(n, p, out):
    """Binomial(n, p) probabilities into out[: n + 1], where not negligible; returns the first and last of these.

    Ratios of neighbours, from the mode on, over their sum: relative errors grow like 1e-16 sqrt(n p (1 - p)). Cost: as
    many quotients as probabilities are kept, about 19 sqrt(n p (1 - p)).
    """
    mode = min(int((n + 1) * p), n)
    out[mode] = total = value = 1.0
    first = last = mode
    while last < n and value > NEGLIGIBLE:
        value *= (n - last) * p / ((last + 1) * (1.0 - p))
        last += 1
        out[last] = value
        total += value
    value = 1.0
    while first > 0 and value > NEGLIGIBLE:
        value *= first * (1.0 - p) / ((n - first + 1) * p)
        first -= 1
        out[first] = value
        total += value
    for a in range(first, last + 1):
        out[a] /= total
    return first, last


@kernel
def sign_weights_into(agreeing, opposing, field, p, z, relative, plus, minus):
    """E[z^K 1(sign = +1)] and E[z^K 1(sign = -1)] of a unit after its K random flips of probability p.

    Of the weights that may flip, agreeing (U,) contribute +1 to the field (U,) and opposing (U,) contribute -1, int64:
    with A and B of them flipped, K = A + B and the new field is field - 2 A + 2 B. z complex, |z| = 1; relative: over
    E[z^K], so that both add up to 1. Written: plus, minus (U,) complex128. Cost per entry 40 sqrt(N p (1 - p)).
    """
    longest = 1 + (agreeing + opposing).max()
    law_a, law_b = np.empty(longest), np.empty(longest)
    head = np.empty(longest + 1, np.complex128)
    for u in range(field.shape[0]):
        first_a, last_a = binomial_into(agreeing[u], p, law_a)
        first_b, last_b = binomial_into(opposing[u], p, law_b)
        phase = 1.0 + 0.0j
        head[first_b] = 0.0
        for b in range(first_b, last_b + 1):
            head[b + 1] = head[b] + law_b[b] * phase
            phase *= z
        phase = 1.0 + 0.0j
        below, above = 0.0j, 0.0j
        for a in range(first_a, last_a + 1):
            needed = (2 * a - field[u] + 1) // 2  # the smallest B that leaves a field of at least 0
            lower = head[min(max(needed, first_b), last_b + 1)]
            below += law_a[a] * phase * lower
            above += law_a[a] * phase * (head[last_b + 1] - lower)
            phase *= z
        factor = 1.0 / (below + above) if relative else power(z, first_a + first_b)
        plus[u], minus[u] = above * factor, below * factor


@kernel
def power(z, n):
    """z^n for an integer n >= 0. Cost 2 log2 n."""
    result = 1.0 + 0.0j
    while n:
        if n & 1:
            result *= z
        z *= z
        n >>= 1
    return result


def blocks(entries: NDArray[np.int64]) -> NDArray[np.int32]:
    """(B, H, WIDTH): of entries (H, P), those of WIDTH patterns together; the last pattern fills up the last block."""
    h, count = entries.shape
    padded = np.pad(entries, ((0, 0), (0, -count % WIDTH)), mode="edge")
    return np.ascontiguousarray(padded.reshape(h, -1, WIDTH).transpose(1, 0, 2), np.int32)


@kernel
def ratios_into(plus, minus, up, table):
    """What a unit contributes to products over units: up (U,) bool, its likelier sign; table (U, 4) float64.

    plus, minus (U,) complex128 of `sign_weights_into`. Real and imaginary parts: of the ratio of the less likely sign's
    weight to the other's, 0 where negligible, and of the latter.
    """
    for u in range(up.shape[0]):
        x, y = plus[u], minus[u]
        size, other = x.real**2 + x.imag**2, y.real**2 + y.imag**2
        up[u] = size >= other
        if not up[u]:
            x, y, size, other = y, x, other, size
        ratio = y * x.conjugate() / size if other > NEGLIGIBLE**2 * size else 0.0j
        table[u, 0], table[u, 1], table[u, 2], table[u, 3] = ratio.real, ratio.imag, x.real, x.imag


@kernel
def factors_into(entries, up, swapped, table, factors, n_factors, votes, scales):
    """Units of WIDTH patterns by their likelier vote: side 0 up, side 1 down.

    entries (H, WIDTH) int32 of up (U,) and table (U, 4), see `ratios_into`; swapped (H,) bool: output weight -1.
    Written: factors (2, H + 2, 2, WIDTH), the ratios on each side, 0 beyond the n_factors (2, WIDTH) that are not 0;
    votes (2, WIDTH), units on each side; scales (2, WIDTH), real and imaginary part of the product of likelier weights.
    """
    factors[:], n_factors[:], votes[:], scales[0], scales[1] = 0.0, 0, 0, 1.0, 0.0
    for h in range(entries.shape[0]):
        for w in range(WIDTH):
            u = entries[h, w]
            side = np.int64(up[u] == swapped[h])
            s = n_factors[side, w]
            factors[side, s, 0, w], factors[side, s, 1, w] = table[u, 0], table[u, 1]
            n_factors[side, w] += (table[u, 0] != 0.0) | (table[u, 1] != 0.0)
            votes[side, w] += 1
            x, y = scales[0, w], scales[1, w]
            scales[0, w] = x * table[u, 2] - y * table[u, 3]
            scales[1, w] = x * table[u, 3] + y * table[u, 2]


@kernel
def law_into(factors, n, law):
    """Law of the number of units that vote unlikely, over the chance of none: prod_s (1 + r_s x).

    WIDTH patterns at a time. factors (any, 2, WIDTH): real and imaginary parts of r_s, n even; law (any > n + 1, 2,
    WIDTH): real and imaginary parts. Two factors at a time: 1 + r x makes `middle` of `old`, and the other one makes
    what is stored. Cost n^2 / 4 steps of 8 products, 8 sums, 2 loads and 2 stores.

    Example: for n = 2, law = 1, 0, 0 at first. At place 0 nothing is behind: 1 stays. At place 1 the first factor makes
    0 + a 1 of it and the second a + b 1; at place 2 these are 0 + a 0 = 0 and 0 + b a. So law = 1, a + b, a b.
    """
    law[: n + 2] = 0.0
    law[0, 0] = 1.0
    zero = load_floats(law, (2 * n + 2) * WIDTH)
    for s in range(0, n, 2):
        a_r, a_i = load_floats(factors, 2 * s * WIDTH), load_floats(factors, (2 * s + 1) * WIDTH)
        b_r, b_i = load_floats(factors, (2 * s + 2) * WIDTH), load_floats(factors, (2 * s + 3) * WIDTH)
        old_r, old_i, middle_r, middle_i = zero, zero, zero, zero
        for place in range(0, (2 * s + 6) * WIDTH, 2 * WIDTH):
            real, imag = load_floats(law, place), load_floats(law, place + WIDTH)
            x = minus_product(plus_product(real, a_r, old_r), a_i, old_i)
            y = plus_product(plus_product(imag, a_r, old_i), a_i, old_r)
            store_floats(law, place, minus_product(plus_product(x, b_r, middle_r), b_i, middle_i))
            store_floats(law, place + WIDTH, plus_product(plus_product(y, b_r, middle_i), b_i, middle_r))
            old_r, old_i, middle_r, middle_i = real, imag, x, y


@kernel
def wrong_votes(up, down, n_up, n_down, spare, positive, w, head):
    """sum over the D of n_up units that vote down and the U of n_down that vote up, where the machine is wrong.

    up, down (any, 2, WIDTH), laws of D and U of pattern w. spare: D - U may be so much, and the vote is still up; head
    (>= n_down + 2,): scratch.
    """
    if positive:  # wrong if U < D - spare
        head[0] = 0.0j
        for j in range(n_down + 1):
            head[j + 1] = head[j] + complex(down[j, 0, w], down[j, 1, w])
    else:
        head[n_down + 1] = 0.0j
        for j in range(n_down, -1, -1):
            head[j] = head[j + 1] + complex(down[j, 0, w], down[j, 1, w])
    total = 0.0j
    for d in range(n_up + 1):
        total += complex(up[d, 0, w], up[d, 1, w]) * head[min(max(d - spare, 0), n_down + 1)]
    return total


@kernel
def block_bound(entries, sizes):
    """The largest product over units of sizes (U,) on WIDTH patterns, entries (H, WIDTH)."""
    largest = 0.0
    for w in range(WIDTH):
        bound = 1.0
        for h in range(entries.shape[0]):
            bound *= sizes[entries[h, w]]
        largest = max(largest, bound)
    return largest


@kernel
def largest_bound(index, plus, minus):
    """The largest of prod_h (|plus_h| + |minus_h|) over patterns, arrays as in `error_weights_into`. Cost H P."""
    sizes, largest = np.abs(plus) + np.abs(minus), 0.0
    for b in range(index.shape[0]):
        largest = max(largest, block_bound(index[b], sizes))
    return largest


@kernel
def error_weights_into(plus, minus, index, swapped, positive, limit, out):
    """E[z^K 1(error)] on each pattern, K the flips of all units.

    plus, minus (U,) complex128 of `sign_weights_into`; index (B, H, WIDTH) int32, the entry of unit h on pattern
    b WIDTH + w; swapped (H,) bool: output weight -1; positive (P,) int8. Written: out (P,) complex128, 0 where all of
    WIDTH patterns are below `limit` by the bound prod_h (|plus_h| + |minus_h|). Cost P H^2 / 4.
    """
    B, H, _ = index.shape
    up, table = np.empty(len(plus), np.bool_), np.empty((len(plus), 4))
    sizes = np.abs(plus) + np.abs(minus) if limit > 0.0 else np.ones(1)
    ratios_into(plus, minus, up, table)
    factors, laws, head = np.empty((2, H + 2, 2, WIDTH)), np.empty((2, H + 3, 2, WIDTH)), np.empty(H + 2, np.complex128)
    n_factors, votes, scales = np.empty((2, WIDTH), np.int64), np.empty((2, WIDTH), np.int64), np.empty((2, WIDTH))
    for b in range(B):
        if limit > 0.0 and block_bound(index[b], sizes) < limit:
            out[b * WIDTH : (b + 1) * WIDTH] = 0.0j
            continue
        factors_into(index[b], up, swapped, table, factors, n_factors, votes, scales)
        for side in range(2):
            n = n_factors[side].max()
            law_into(factors[side], n + (n & 1), laws[side])
        for w in range(min(WIDTH, len(positive) - b * WIDTH)):
            p = b * WIDTH + w
            spare = votes[0, w] - (H + 1) // 2
            wrong = wrong_votes(laws[0], laws[1], n_factors[0, w], n_factors[1, w], spare, positive[p] > 0, w, head)
            out[p] = complex(scales[0, w], scales[1, w]) * wrong
