"""Expected errors after random sign flips, in closed form.

Each weight of a set is flipped with probability p, independently. The units then change independently, and with the
characters exp(i theta K) of the number K of flips kept along, a Fourier sum over theta conditions on K = k exactly.
"""

import math

import numpy as np

from binland.kernels.compiler import kernel

NEGLIGIBLE = -50.0  # log of a probability left out of a law; a law has at most some 10^4 terms


@kernel
def binomial_into(n, p, log_factorial, out):
    """Binomial(n, p) probabilities into out[: n + 1], zero where negligible; returns the first and last kept index.

    log_factorial (>= n + 1,) float64. Cost: as many exponentials as indices are kept, about 20 sqrt(n p (1 - p)).
    """
    if p <= 0.0 or p >= 1.0:
        only = n if p >= 1.0 else 0
        out[only] = 1.0
        return only, only
    mode = min(int((n + 1) * p), n)
    first, last = mode, mode
    for direction in (-1, 1):
        a = mode if direction < 0 else mode + 1
        while 0 <= a <= n:
            log_choose = log_factorial[n] - log_factorial[a] - log_factorial[n - a]
            log_law = log_choose + a * math.log(p) + (n - a) * math.log1p(-p)
            if log_law < NEGLIGIBLE and a != mode:
                break
            out[a] = math.exp(log_law)
            first, last = min(first, a), max(last, a)
            a += direction
    return first, last


@kernel
def sign_weights_into(agreeing, opposing, field, p, thetas, log_factorial, plus, minus):
    """E[exp(i theta K) 1(sign = +1)] and E[exp(i theta K) 1(sign = -1)] of a unit after its K random flips.

    Of the weights that may flip, agreeing (U,) contribute +1 to the field (U,) and opposing (U,) contribute -1, int64:
    with A and B of them flipped, K = A + B and the new field is field - 2 A + 2 B. thetas (T,) float64,
    log_factorial (>= 1 + agreeing + opposing,) float64; written: plus, minus (T, U) complex128.
    Cost T sqrt(agreeing + opposing) per entry, times about 20.
    """
    longest = log_factorial.shape[0]
    law_a, law_b = np.empty(longest), np.empty(longest)
    head = np.empty(longest + 1, np.complex128)
    for u in range(field.shape[0]):
        first_a, last_a = binomial_into(agreeing[u], p, log_factorial, law_a)
        first_b, last_b = binomial_into(opposing[u], p, log_factorial, law_b)
        for t in range(thetas.shape[0]):
            turn = complex(math.cos(thetas[t]), math.sin(thetas[t]))
            phase = complex(math.cos(thetas[t] * first_b), math.sin(thetas[t] * first_b))
            head[first_b] = 0.0
            for b in range(first_b, last_b + 1):
                head[b + 1] = head[b] + law_b[b] * phase
                phase *= turn
            phase = complex(math.cos(thetas[t] * first_a), math.sin(thetas[t] * first_a))
            below, above = 0.0j, 0.0j
            for a in range(first_a, last_a + 1):
                needed = (2 * a - field[u] + 1) // 2  # the smallest B that leaves a field of at least 0
                lower = head[min(max(needed, first_b), last_b + 1)]
                below += law_a[a] * phase * lower
                above += law_a[a] * phase * (head[last_b + 1] - lower)
                phase *= turn
            plus[t, u], minus[t, u] = above, below


@kernel
def error_weights_into(plus, minus, index, output_weights, positive, negligible, out):
    """sum over patterns of E[exp(i theta K) 1(error)], K the flips of all units: a Poisson-binomial convolution.

    plus, minus (T, U) complex128 of `sign_weights_into`; index (H, P) int64: entry of unit h on pattern p;
    output_weights (H,) int8; positive (P,) int8. Terms of modulus below `negligible`, by the bound
    prod_h (|plus_h| + |minus_h|), are left out. Written: out (T,) complex128. Cost T P H^2 / 2 for the others.
    """
    H, P = index.shape
    votes = np.empty(H + 1, np.complex128)
    size = np.empty(plus.shape[1])
    for t in range(plus.shape[0]):
        for u in range(plus.shape[1]):
            size[u] = abs(plus[t, u]) + abs(minus[t, u])
        total = 0.0j
        for p in range(P):
            bound = 1.0
            for h in range(H):
                bound *= size[index[h, p]]
            if bound < negligible:
                continue
            votes[0] = 1.0
            for h in range(H):
                up, down = plus[t, index[h, p]], minus[t, index[h, p]]
                if output_weights[h] < 0:
                    up, down = down, up
                votes[h + 1] = votes[h] * up
                for j in range(h, 0, -1):
                    votes[j] = votes[j] * down + votes[j - 1] * up
                votes[0] = votes[0] * down
            for j in range(H + 1):
                if (2 * j >= H) != (positive[p] > 0):
                    total += votes[j]
        out[t] = total
