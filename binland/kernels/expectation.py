"""Expected errors after random sign flips, in closed form.

Each weight of a set is flipped with probability p, independently. The units then change independently, and with the
characters exp(i theta K) of the number K of flips kept along, a Fourier sum over theta conditions on K = k exactly.
"""

import math

import numpy as np

from binland.kernels.compiler import kernel


@kernel
def binomial_into(n, p, log_factorial, out):
    """Binomial(n, p) probabilities into out[: n + 1]; log_factorial (>= n + 1,) float64. Cost n exponentials."""
    for a in range(n + 1):
        if p <= 0.0 or p >= 1.0:
            out[a] = 1.0 if a == (n if p >= 1.0 else 0) else 0.0
        else:
            log_choose = log_factorial[n] - log_factorial[a] - log_factorial[n - a]
            out[a] = math.exp(log_choose + a * math.log(p) + (n - a) * math.log1p(-p))


@kernel
def sign_weights_into(agreeing, opposing, field, p, thetas, log_factorial, plus, minus):
    """E[exp(i theta K) 1(sign = +1)] and E[exp(i theta K) 1(sign = -1)] of a unit after its K random flips.

    Of the weights that may flip, agreeing (U,) contribute +1 to the field (U,) and opposing (U,) contribute -1, int64:
    with A and B of them flipped, K = A + B and the new field is field - 2 A + 2 B. thetas (T,) float64; written:
    plus, minus (T, U) complex128. Cost T (agreeing + opposing) per entry.
    """
    longest = log_factorial.shape[0]
    law_a, law_b = np.empty(longest), np.empty(longest)
    head = np.empty(longest + 1, np.complex128)
    for u in range(field.shape[0]):
        n, m = agreeing[u], opposing[u]
        binomial_into(n, p, log_factorial, law_a)
        binomial_into(m, p, log_factorial, law_b)
        for t in range(thetas.shape[0]):
            head[0] = 0.0
            for b in range(m + 1):
                phase = complex(math.cos(thetas[t] * b), math.sin(thetas[t] * b))
                head[b + 1] = head[b] + law_b[b] * phase
            below, above = 0.0j, 0.0j
            for a in range(n + 1):
                first = min(max((2 * a - field[u] + 1) // 2, 0), m + 1)  # smallest B with a field of at least 0
                weight = law_a[a] * complex(math.cos(thetas[t] * a), math.sin(thetas[t] * a))
                below += weight * head[first]
                above += weight * (head[m + 1] - head[first])
            plus[t, u], minus[t, u] = above, below


@kernel
def error_weights_into(plus, minus, index, output_weights, positive, out):
    """sum over patterns of E[exp(i theta K) 1(error)], K the flips of all units: a Poisson-binomial convolution.

    plus, minus (T, U) complex128 of `sign_weights_into`; index (H, P) int64: entry of unit h on pattern p;
    output_weights (H,) int8; positive (P,) int8. Written: out (T,) complex128. Cost T P H^2 / 2.
    """
    H, P = index.shape
    votes = np.empty(H + 1, np.complex128)
    for t in range(plus.shape[0]):
        total = 0.0j
        for p in range(P):
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
