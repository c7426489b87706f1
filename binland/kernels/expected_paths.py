"""Distribution of the votes on a random shortest path, in closed form.

Of the d weights of a unit that differ between the two ends, a contribute +1 to its field f at the start. After m of
them are flipped, the number A of these among the flipped is hypergeometric, and the field is f + 2 m - 4 A.
"""

import math

import numpy as np

from binland.kernels.compiler import kernel

NEGLIGIBLE = -60.0  # terms with a smaller log-probability are left out of sums


@kernel
def law(d, a, m, hits, log_factorial):
    """Hypergeometric probability of `hits` hits in m draws without replacement from d, of which a are hits."""
    if hits < 0 or hits > a or hits > m or m - hits > d - a:
        return 0.0
    ways = log_factorial[a] - log_factorial[hits] - log_factorial[a - hits]
    ways += log_factorial[d - a] - log_factorial[m - hits] - log_factorial[d - a - m + hits]
    log_law = ways - (log_factorial[d] - log_factorial[m] - log_factorial[d - m])
    return math.exp(log_law) if log_law > NEGLIGIBLE else 0.0


@kernel
def positive_into(d, agreeing, fields, log_factorial, out):
    """out[m, u] <- probability that a field is not negative after m of its d flips, m = 0, ..., d.

    agreeing, fields (U,) int64: a and f; log_factorial (> d,) float64; out (any >= d + 1, U) float64. The field is not
    negative while A <= c = floor((f + 2 m) / 4). One more flip removes the draws with A = c whose next one is a hit;
    every second flip raises c by one. Cost d U exponentials, where probabilities are not negligible.

    Example: d = 2, a = 1, f = 1, so c = 0, 0, 1. The probability is 1 at first. Half of the draws (A = 0) hit with the
    first flip: 1 / 2. With the second flip all remaining ones hit, but now c = 1 and A = 1 for certain: 1.
    """
    for u in range(fields.shape[0]):
        out[0, u] = 1.0 if fields[u] >= 0 else 0.0
    for m in range(d):
        for u in range(fields.shape[0]):
            a, c, after = agreeing[u], (fields[u] + 2 * m) // 4, (fields[u] + 2 * m + 2) // 4
            chance = out[m, u]
            if 0 <= c < a:
                chance -= law(d, a, m, c, log_factorial) * (a - c) / (d - m)
            if after > c:
                chance += law(d, a, m + 1, after, log_factorial)
            out[m + 1, u] = chance


@kernel
def vote(up_r, up_i, down_r, down_i, n, real, imag, new_real, new_imag):
    """new[j] <- old[j + 1] down + old[j] up, j = 0, ..., n - 1: one vote more. Cost n."""
    for j in range(n):
        new_real[j] = real[j + 1] * down_r - imag[j + 1] * down_i + real[j] * up_r - imag[j] * up_i
        new_imag[j] = real[j + 1] * down_i + imag[j + 1] * down_r + real[j] * up_i + imag[j] * up_r


@kernel
def votes_into(plus, totals, output_weights, first, last, t, u, votes):
    """Law of the number of positive votes of units first, ..., last - 1 on pattern u, weighed by a character.

    plus (H, 2 T, U): real and imaginary parts, 2 t and 2 t + 1, for sign +1; totals (H, 2 T): for both signs. votes (4,
    any >= last - first + 3) float64: real and imaginary parts, and as much scratch; returns the rows that hold the law,
    from place 1 on, with 0 at both sides. Cost (last - first)^2 / 2.
    """
    real, imag, new_real, new_imag = votes[0], votes[1], votes[2], votes[3]
    votes[:, :3] = 0.0
    real[1] = 1.0
    for h in range(first, last):
        up_r, up_i = plus[h, 2 * t, u], plus[h, 2 * t + 1, u]
        down_r, down_i = totals[h, 2 * t] - up_r, totals[h, 2 * t + 1] - up_i
        if output_weights[h] < 0:
            up_r, up_i, down_r, down_i = down_r, down_i, up_r, up_i
        n = h - first + 2
        vote(up_r, up_i, down_r, down_i, n, real, imag, new_real[1:], new_imag[1:])
        real, imag, new_real, new_imag = new_real, new_imag, real, imag
        real[n + 1], imag[n + 1] = 0.0, 0.0
    return real, imag


@kernel
def sizes_into(plus, totals, t, sizes):
    """sizes (U,) <- bounds of a term on each pattern, prod_h (|E[character 1(+)]| + |E[character 1(-)]|). Cost H U."""
    sizes[:] = 1.0
    for h in range(plus.shape[0]):
        real, imag = plus[h, 2 * t], plus[h, 2 * t + 1]
        total_real, total_imag = totals[h, 2 * t], totals[h, 2 * t + 1]
        for u in range(sizes.shape[0]):
            x, y = real[u], imag[u]
            v, w = total_real - x, total_imag - y
            sizes[u] *= math.sqrt(x * x + y * y) + math.sqrt(v * v + w * w)


@kernel
def wrong_into(plus, totals, output_weights, positive, negligible, out):
    """out (T,) <- real parts of the sums over patterns of E[character 1(the machine is wrong)].

    plus (H, 2 T, any >= U), totals (H, 2 T) as in `votes_into`; positive (U,) int8, 1 for the label +1. Terms of a
    modulus below `negligible` are left out. The units are halved: the votes of both halves are added last. Cost T U
    H^2 / 4.
    """
    H, half = plus.shape[0], plus.shape[0] // 2
    need = (H + 1) // 2  # positive votes for the label +1
    left, right = np.zeros((4, half + 3)), np.zeros((4, H - half + 3))
    sizes = np.empty(positive.shape[0])
    for t in range(out.shape[0]):
        out[t] = 0.0
        sizes_into(plus, totals, t, sizes)
        for u in range(positive.shape[0]):
            if sizes[u] < negligible:
                continue
            a, b = votes_into(plus, totals, output_weights, 0, half, t, u, left)
            x, y = votes_into(plus, totals, output_weights, half, H, t, u, right)
            total_x, total_y = x.sum(), y.sum()
            below_x, below_y = 0.0, 0.0  # of the right half, less than need - j votes
            i = 0
            for j in range(half, -1, -1):
                while i < min(need - j, H - half + 1):
                    below_x += x[i + 1]
                    below_y += y[i + 1]
                    i += 1
                v, w = (below_x, below_y) if positive[u] else (total_x - below_x, total_y - below_y)
                out[t] += a[j + 1] * v - b[j + 1] * w
