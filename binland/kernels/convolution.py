"""Distributions of sums of independent +-1 variables, also with one left out, by a forward and a backward pass.

up (n,), down (n,): probabilities of +1 and -1. A sum is represented by the number j of its +1. Forward: row i of `law`
is the distribution for the first i variables. Backward: tail[j] is the mean of a function of the whole sum, given that
j of the first i variables are +1.
"""

from binland.kernels.compiler import kernel


@kernel
def forth_into(up, down, law):
    """law (n + 1, n + 1) float64 <- its rows, law[i, : i + 1]. Cost n^2."""
    law[0, 0] = 1.0
    for i in range(up.shape[0]):
        law[i + 1, 0] = down[i] * law[i, 0]
        for j in range(1, i + 1):
            law[i + 1, j] = up[i] * law[i, j - 1] + down[i] * law[i, j]
        law[i + 1, i + 1] = up[i] * law[i, i]


@kernel
def back_into(up, down, law, tail, given_up, given_down):
    """Means of a function of the sum, conditioned on one variable, for every variable.

    law: as `forth_into` leaves it. tail (n + 1,) float64: the function's values at j = 0 to n; overwritten, tail[0] is
    its mean in the end. Written: given_up, given_down (n,), its mean given that variable i is +1, or -1. Cost 2 n^2.
    Example: n = 2 and the function that is 1 if both are +1, tail = (0, 0, 1): given_up = (up[1], up[0]), given_down =
    (0, 0), and tail[0] becomes up[0] up[1].
    """
    for i in range(up.shape[0] - 1, -1, -1):
        higher, lower = 0.0, 0.0
        for j in range(i + 1):
            higher += law[i, j] * tail[j + 1]
            lower += law[i, j] * tail[j]
        given_up[i], given_down[i] = higher, lower
        for j in range(i + 1):
            tail[j] = up[i] * tail[j + 1] + down[i] * tail[j]
