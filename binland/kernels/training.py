"""BinaryNet mini-batch steps with the straight-through estimator, and the coupling of replicas, in exact integers.

A latent is an int32 in units of a power of two, and so is the signal of a pattern: the step that it asks of a latent,
its gradient rounded once. Sums are exact, so that neither order nor registers nor threads matter, and a pattern whose
signal rounds to zero is left out. Whoever calls makes sure that nothing can overflow (`algorithms.fixed_point`).

Latents are in tiles of LANES columns, (W, R, H, LANES) with W = ceil(N / LANES): the signs of a unit's tile are a word.
All replicas of a tile stand together, so that a mini-batch goes through memory once. What stands beyond column N is
never read as a weight.

The step of a unit is a sum of +-signal over the live patterns in its straight-through window. For every GROUP of them
all subset sums are tabulated once (the method of four Russians), so that a unit adds one entry per group: with signals
a, b of two patterns the table is 0, +-a, +-b, +-a +-b (signs as the input of the column is), and a unit with only the
second one in its window adds entry 2.
"""

from typing import NamedTuple

import numpy as np

from binland.kernels.compiler import kernel
from binland.kernels.elementary import exp
from binland.kernels.preactivations import (
    arrange,
    compute,
    follow_flips,
    levels_into,
    n_flips,
    start_counters,
    worth_following,
)
from binland.kernels.vectors import (
    LANES,
    clipped,
    even_products,
    joined,
    load,
    minus,
    odd_products,
    plus,
    plus_long,
    sign_bits,
    signed,
    splat,
    splat_long,
    store,
)
from binland.kernels.walk import n_errors

GROUP = 4  # patterns whose subset sums are tabulated together
ENTRY = LANES << GROUP  # numbers in a table
PORTION = 5  # tables at a time: 20 KiB, within a level 1 cache
FULL = 1 << 31  # a share of 1
FEW_UNITS = 5  # below, tables cost more than they save


class StepRule(NamedTuple):
    """What a mini-batch step needs to know beside the arrays.

    clip: latents stay in [-clip, clip]. window: a unit passes gradient where |w . x| <= window. linear: the unit's
    activation is the identity (perceptron) instead of the sign. steps (2, M + 1) int32: what a pattern with label +1
    asks at each level of the output (`preactivations`), in a whole batch and in the last one of an epoch; M = H, or N
    if linear. shares (3,) int32: strength of the coupling (`couple`), inside the gradient step, after each mini-batch
    and after the epoch (0: none).
    """

    clip: int
    window: int
    linear: bool
    steps: np.ndarray
    shares: np.ndarray


class Examples(NamedTuple):
    """Patterns as the kernels read them (`data.Patterns`): input_words (P, W), rows, negative, real; labels (P,)."""

    input_words: np.ndarray
    rows: np.ndarray
    negative: np.ndarray
    real: np.ndarray
    labels: np.ndarray


class State(NamedTuple):
    """What an epoch changes, of R replicas.

    latents (W, R, H, LANES) int32; words (R, H, W) uint64, their signs; standing (R, H, W), the weights at which the
    counters are; fields (R, V, H, n, WIDTH), signs (R, V, H, WIDTH), votes (R, V, m, WIDTH), as in `walk.py`, and
    inside (R, V WIDTH, H), the patterns in each unit's window; all uint64.
    """

    latents: np.ndarray
    words: np.ndarray
    standing: np.ndarray
    fields: np.ndarray
    signs: np.ndarray
    votes: np.ndarray
    inside: np.ndarray


class Scratch(NamedTuple):
    """Buffers of an epoch, for batches of B patterns in G = ceil(B / GROUP) groups, S = ceil(B / WIDTH) stacks.

    live (R,) int64, the number of live patterns; words (R, W, B) uint64, their inputs; steps (R, B) int32, their
    signals; places (R, G, H) uint16, where in a group's table a unit's subset stands. levels (WIDTH S,) int64, stacks
    (S, W, WIDTH), inside (ceil(WIDTH S / 64), H) uint64; tables (PORTION ENTRY,) int32.
    """

    live: np.ndarray
    words: np.ndarray
    steps: np.ndarray
    places: np.ndarray
    levels: np.ndarray
    stacks: np.ndarray
    inside: np.ndarray
    tables: np.ndarray


@kernel
def steps_into(amplitude, slope, steps):
    """steps (M + 1,) int32 <- round(amplitude / (1 + e^logit)), logit = slope (2 level - M), at every level.

    Minus the derivative of the binary cross-entropy by the logit, times amplitude; halves are rounded to even.
    """
    M = steps.shape[0] - 1
    for level in range(M + 1):
        logit = slope * (2 * level - M)
        power = exp(-abs(logit))
        steps[level] = np.int32(np.rint(amplitude * (power if logit > 0 else 1.0) / (1.0 + power)))


@kernel
def collect(batch, levels, inside, own, examples, steps, r, scratch):
    """The live patterns of a batch: how many, their inputs, signals, and where a unit's subset of each group stands.

    inside (any, H) uint64 with a bit for each pattern: by its place in the batch if `own`, else by its number.
    """
    H, M = inside.shape[1], steps.shape[0] - 1
    words, signals, places = scratch.words[r], scratch.steps[r], scratch.places[r]
    count = 0
    for b in range(batch.shape[0]):
        p = batch[b]
        signal = steps[levels[b]] if examples.labels[p] > 0 else -steps[M - levels[b]]
        if signal != 0:
            signals[count] = signal
            for k in range(words.shape[0]):
                words[k, count] = examples.input_words[p, k]
            at = b if own else p
            passing, bit = inside[at >> 6], np.uint64(at & 63)
            place, i = places[count // GROUP], np.uint64(count % GROUP)
            if i == 0:
                place[:] = 0
            for h in range(H):
                place[h] |= np.uint16((passing[h] >> bit & np.uint64(1)) << i) * np.uint16(LANES)
            count += 1
    scratch.live[r] = count


@kernel
def look(batch, steps, output_weights, n_inputs, examples, rule, state, r, scratch):
    """Forward pass of replica r on a batch, in the cheaper way; what `collect` gives is in scratch."""
    weight_words, standing = state.words[r], state.standing[r]
    V, H, n = state.fields.shape[1:4]
    B, W = batch.shape[0], weight_words.shape[1]
    if worth_following(n_flips(standing, weight_words), H, W, B, V, n):
        follow_replica(output_weights, n_inputs, examples, rule, state, r)
        if rule.linear:
            levels_into(state.fields[r, :, 0], batch, n_inputs, scratch.levels)
        else:
            levels_into(state.votes[r], batch, H, scratch.levels)
        collect(batch, scratch.levels, state.inside[r], False, examples, steps, r, scratch)
    else:
        arrange(examples.input_words, batch, scratch.stacks)
        compute(
            weight_words, scratch.stacks, output_weights, n_inputs, rule.window, rule.linear, scratch.levels,
            scratch.inside,
        )  # fmt: skip
        collect(batch, scratch.levels, scratch.inside, True, examples, steps, r, scratch)


@kernel
def counters_of(state, r):
    """What `follow_flips` moves, of replica r."""
    return state.standing[r], state.fields[r], state.signs[r], state.votes[r], state.inside[r]


@kernel
def bounds_of(rule, n_inputs):
    """Lowest and highest counter of a unit in the straight-through window."""
    middle = (n_inputs + 1) // 2
    return (n_inputs - rule.window + 1) // 2 - middle, (n_inputs + rule.window) // 2 - middle


@kernel
def start_replica(weights, output_weights, n_inputs, examples, rule, state, r):
    """Counters of replica r with weights (H, N) int8."""
    start_counters(weights, output_weights, examples.rows, bounds_of(rule, n_inputs), counters_of(state, r))


@kernel
def follow_replica(output_weights, n_inputs, examples, rule, state, r):
    """Counters of replica r follow its weights."""
    follow_flips(state.words[r], output_weights, examples.rows, bounds_of(rule, n_inputs), counters_of(state, r))


@kernel
def tabulate(words, signals, first, last, tables):
    """Subset sums of +-signal of the groups of patterns [first, last), on one tile.

    words (B,) uint64, the tile's inputs. Written: tables (PORTION ENTRY,) int32, the sums over subset s of a group at
    LANES s. Cost 2^GROUP additions of LANES numbers per group.
    """
    for p in range(first, last):
        g, i = (p - first) // GROUP, (p - first) % GROUP
        x = signed(signals[p], words[p])
        at, size = g * ENTRY, LANES << i
        if i == 0:
            store(tables, at, splat(np.int32(0)))
        for s in range(at, at + size, LANES):
            store(tables, s + size, plus(load(tables, s), x))


@kernel
def gather(tables, places, up, last, clip, latents, start, present, tile, words):
    """Latents of a tile <- latents +- the entries of the groups of places (G, H), G <= PORTION; the `last` clip them.

    up (H,) int8, output weights; the latents of the H units are from place `start` of memory on. Column `tile` of words
    (H, W) uint64 <- their signs where `present`. Cost H G.
    """
    limit, count = splat(np.int32(clip)), places.shape[0]
    for h in range(places.shape[1]):
        total = splat(np.int32(0))
        for g in range(count):
            total = plus(total, load(tables, g * ENTRY + np.int64(places[g, h])))
        at = start + h * LANES
        old = load(latents, at)
        new = plus(old, total) if up[h] > 0 else minus(old, total)
        if last:
            new = clipped(new, limit)
            words[h, tile] = sign_bits(new) & present
        store(latents, at, new)


@kernel
def add_patterns(words, signals, count, places, up, clip, latents, start, present, tile, weight_words):
    """What `tabulate` and `gather` do, without tables. Cost H per live pattern."""
    limit = splat(np.int32(clip))
    for h in range(places.shape[1]):
        total = splat(np.int32(0))
        for p in range(count):
            if places[p // GROUP, h] & (LANES << p % GROUP):
                total = plus(total, signed(signals[p], words[p]))
        at = start + h * LANES
        old = load(latents, at)
        new = clipped(plus(old, total) if up[h] > 0 else minus(old, total), limit)
        store(latents, at, new)
        weight_words[h, tile] = sign_bits(new) & present


@kernel
def move(output_weights, n_inputs, rule, state, t, r, scratch):
    """One tile of one replica takes its step."""
    H = state.latents.shape[2]
    words, signals = scratch.words[r, t], scratch.steps[r]
    count, places, latents, start = scratch.live[r], scratch.places[r], state.latents[t], r * H * LANES
    present = columns(n_inputs, t)
    if H < FEW_UNITS:
        add_patterns(
            words, signals, count, places, output_weights, rule.clip, latents, start, present, t, state.words[r]
        )
        return
    for first in range(0, count, GROUP * PORTION):
        last = min(first + GROUP * PORTION, count)
        tabulate(words, signals, first, last, scratch.tables)
        some = places[first // GROUP : (last + GROUP - 1) // GROUP]
        gather(
            scratch.tables, some, output_weights, last == count, rule.clip, latents, start, present, t, state.words[r]
        )


@kernel
def columns(n_inputs, tile):
    """A bit for every column of a tile that exists."""
    return np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(max(0, LANES * (tile + 1) - n_inputs))


@kernel
def couple(latents, share, tile, n_inputs, words):
    """w_a <- w_a + f sum_b (w_b - w_a), f = share / 2^31, rounded (halves up), for the replicas of one tile.

    latents (R, H, LANES) int32; share int32, R share <= 2^31: a mean with weights, so that no latent leaves the range
    of the replicas. Column `tile` of words (R, H, W) uint64 <- the new signs.
    """
    R, H = latents.shape[:2]
    present, own_share, half = columns(n_inputs, tile), np.int32(FULL - R * share), splat_long(FULL // 2)
    for h in range(H):
        total = load(latents, h * LANES)
        for r in range(1, R):
            total = plus(total, load(latents, (r * H + h) * LANES))
        even, odd = plus_long(even_products(total, share), half), plus_long(odd_products(total, share), half)
        for r in range(R):
            at = (r * H + h) * LANES
            own = load(latents, at)
            new = joined(plus_long(even_products(own, own_share), even), plus_long(odd_products(own, own_share), odd))
            store(latents, at, new)
            words[r, h, tile] = sign_bits(new) & present


@kernel
def centre_into(latents, n_inputs, words):
    """words (H, W) uint64 <- signs of the sum of replicas; latents (W, R, H, LANES) int32."""
    T, R, H = latents.shape[:3]
    for t in range(T):
        for h in range(H):
            total = load(latents, (t * R * H + h) * LANES)
            for r in range(1, R):
                total = plus(total, load(latents, ((t * R + r) * H + h) * LANES))
            words[h, t] = sign_bits(total) & columns(n_inputs, t)


@kernel
def train_epoch(state, examples, output_weights, n_inputs, order, batch_size, rule, scratch, errors):
    """One epoch of coupled BinaryNet SGD (straight-through estimator, clipped latents; paper, appendix B).

    R = 1 is plain SGD. output_weights (H,) int8; order (R, P) int64, the shuffles. Written: errors (R,) int64 of the
    replicas at the end. Cost of a batch with L live patterns and F flips: R H N (L / GROUP + 8) and R N L 2^GROUP /
    GROUP operations on int32; R F P bits with `walk.follow`.
    """
    R, P = order.shape
    shares = rule.shares
    for start in range(0, P, batch_size):
        end = start + batch_size >= P
        for r in range(R):
            batch = order[r, start : start + batch_size]
            look(batch, rule.steps[1 if end else 0], output_weights, n_inputs, examples, rule, state, r, scratch)
        share = max(shares[1], shares[2] if end else 0)
        for t in range(state.latents.shape[0]):
            if shares[0] > 0:
                couple(state.latents[t], shares[0], t, n_inputs, state.words)
            for r in range(R):
                if scratch.live[r]:
                    move(output_weights, n_inputs, rule, state, t, r, scratch)
            if share > 0:
                couple(state.latents[t], share, t, n_inputs, state.words)
    for r in range(R):
        follow_replica(output_weights, n_inputs, examples, rule, state, r)
        errors[r] = 0
        for v in range(state.votes.shape[1]):
            errors[r] += n_errors(state.votes[r, v], examples.negative[v], examples.real[v])
