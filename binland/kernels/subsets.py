"""The best of all orders of a few flips, by dynamic programming over their subsets."""

from binland.kernels.compiler import kernel


@kernel
def lowest_into(errors, order):
    """errors (2^d,) of subsets of flips <- the lowest barrier of all orders leading there; order (d,) <- a best one.

    Bit k of a subset is 1 if flip k is done. A subset is reached from one with a flip less. Cost d 2^d. Example: the
    errors 0, 3, 1, 2 of {}, {0}, {1}, {0, 1} stay as they are, and the order is 1, 0.
    """
    d = order.shape[0]
    for s in range(1, errors.shape[0]):
        lowest = errors[s ^ (s & -s)]
        for k in range(d):
            if (s >> k) & 1:
                lowest = min(lowest, errors[s ^ (1 << k)])
        errors[s] = max(errors[s], lowest)
    s = errors.shape[0] - 1
    for t in range(d - 1, -1, -1):
        chosen = -1
        for k in range(d):
            if (s >> k) & 1 and (chosen < 0 or errors[s ^ (1 << k)] < errors[s ^ (1 << chosen)]):
                chosen = k
        order[t] = chosen
        s ^= 1 << chosen
