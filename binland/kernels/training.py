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
second one in its window adds entry 2. Sums are of 16 bits; of 32 where signals are so large that these would hold few
groups at a time.
"""

from typing import NamedTuple

import numpy as np

from binland.kernels.compiler import inlined, kernel
from binland.kernels.elementary import exp
from binland.kernels.preactivations import (
    arrange,
    compute,
    follow_flips,
    levels_into,
    n_flips,
    worth_following,
)
from binland.kernels.vectors import (
    LANES,
    clipped,
    even_products,
    joined,
    load,
    load_shorts,
    minus,
    negative_bits,
    no_shorts,
    odd_products,
    plus,
    plus_long,
    plus_shorts,
    signed_shorts,
    splat,
    splat_long,
    store,
    store_shorts,
    widened,
)
from binland.kernels.walk import n_errors, shuffle_into

GROUP = 4  # patterns whose subset sums are tabulated together
ENTRY = LANES << GROUP  # numbers in a table
PORTION = 8  # tables at a time: 16 KiB, within a level 1 cache
LARGEST = (1 << 13) - 1  # signals above are split, so that GROUP of them add up in 16 bits
MOST = (1 << 15) - 1  # largest sum of the signals of a portion
WORTH = 2  # tables of 32 bits are faster than those of 16 if they need so many times fewer portions
FULL = 1 << 31  # a share of 1
FEW_UNITS = 5  # below, tables cost more than they save


class StepRule(NamedTuple):
    """What a mini-batch step needs to know beside the arrays.

    clip: latents stay in [-clip, clip]. window: a unit passes gradient where |w . x| <= window, and edges
    (2, 2, n, WIDTH) uint64 are its ends (`preactivations.windows_into`). linear: the unit's
    activation is the identity (perceptron) instead of the sign. steps (2, M + 1) int32: what a pattern with label +1
    asks at each level of the output (`preactivations`), in a whole batch and in the last one of an epoch; M = H, or N
    if linear.
    """

    clip: int
    window: int
    linear: bool
    edges: np.ndarray
    steps: np.ndarray


class Examples(NamedTuple):
    """Patterns as the kernels read them (`data.Patterns`): input_words (P, W), rows, negative, real; labels (P,)."""

    input_words: np.ndarray
    rows: np.ndarray
    negative: np.ndarray
    real: np.ndarray
    labels: np.ndarray


class State(NamedTuple):
    """What an epoch changes, of R replicas and, if R > 1, of their centre: S machines.

    latents (W, R, H, LANES) int32; words (S, H, W) uint64, their signs; standing (S, H, W), the weights at which the
    counters are; fields (S, V, H, n, WIDTH), signs (S, V, H, WIDTH), votes (S, V, m, WIDTH), as in `walk.py`, and
    inside (S, V WIDTH, H), the patterns in each unit's window; all uint64.
    """

    latents: np.ndarray
    words: np.ndarray
    standing: np.ndarray
    fields: np.ndarray
    signs: np.ndarray
    votes: np.ndarray
    inside: np.ndarray


class Scratch(NamedTuple):
    """Buffers of an epoch, for batches whose signals are split into B parts, patterns in what follows, in G = ceil(B /
    GROUP) groups, and S = ceil(batch size / WIDTH) stacks.

    Of the live patterns of each replica: words (R, W, B) uint64, their inputs; steps (R, B) int16, their signals;
    places (R, G, H) uint16, where in a group's table a unit's subset stands; ends (R, G + 1) int64, where portions end,
    n_portions (R,) of them; moves (R,) int64, the sum of the signals without signs; reaches (R,) int64, which no latent
    is beyond. levels (WIDTH S,) int64, stacks (S, W, WIDTH), inside (ceil(WIDTH S / 64), H) uint64; tables (R
    PORTION ENTRY,) int16, and wide_tables int32, which are used where wide (R,) bool.
    """

    ends: np.ndarray
    n_portions: np.ndarray
    moves: np.ndarray
    reaches: np.ndarray
    words: np.ndarray
    steps: np.ndarray
    places: np.ndarray
    levels: np.ndarray
    stacks: np.ndarray
    inside: np.ndarray
    tables: np.ndarray
    wide: np.ndarray
    wide_tables: np.ndarray


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
    """The live patterns of a batch: their inputs, signals, and where a unit's subset of each group stands.

    inside (any, H) uint64 with a bit for each pattern: by its place in the batch if `own`, else by its number. A
    signal above LARGEST is split. A portion ends where another group would be too much for 16 bits, or for the cache.
    """
    H, M = inside.shape[1], steps.shape[0] - 1
    words, signals, places, ends = scratch.words[r], scratch.steps[r], scratch.places[r], scratch.ends[r]
    count, portions, begun, before, group, total = 0, 0, 0, 0, 0, 0  # before, group: sums in the portion's groups
    for b in range(batch.shape[0]):
        p = batch[b]
        at = b if own else p
        passing, bit = inside[at >> 6], np.uint64(at & 63)
        signal = np.int64(steps[levels[b]] if examples.labels[p] > 0 else -steps[M - levels[b]])
        while signal != 0:
            part = min(max(signal, -LARGEST), LARGEST)
            g, i = count // GROUP, count % GROUP
            if i == 0:
                before, group = before + group, 0
                places[g] = 0
            group += abs(part)
            if before + group > MOST or g * GROUP - begun == GROUP * PORTION:
                ends[portions] = begun = g * GROUP
                portions, before = portions + 1, 0
            total += abs(part)
            signals[count] = part
            for k in range(words.shape[0]):
                words[k, count] = examples.input_words[p, k]
            place = places[g]
            for h in range(H):
                place[h] |= np.uint16((passing[h] >> bit & np.uint64(1)) << np.uint64(i)) * np.uint16(LANES)
            signal -= part
            count += 1
    if count:
        ends[portions] = count
        portions += 1
    scratch.n_portions[r], scratch.moves[r] = portions, total
    full = (count + GROUP * PORTION - 1) // (GROUP * PORTION)
    scratch.wide[r] = H >= FEW_UNITS and portions > WORTH * full
    if scratch.wide[r]:  # nothing overflows in 32 bits
        scratch.n_portions[r] = full
        for portion in range(full):
            ends[portion] = min(GROUP * PORTION * (portion + 1), count)


@inlined
def look(batch, steps, output_weights, n_inputs, examples, rule, state, r, scratch):
    """Forward pass of replica r on a batch, by the faster method; the result of `collect` is in scratch."""
    weight_words, standing = state.words[r], state.standing[r]
    V, H, n = state.fields.shape[1:4]
    B, W = batch.shape[0], weight_words.shape[1]
    flips = n_flips(standing, weight_words)
    if worth_following(flips, H, W, B, V, n):
        if flips:
            follow_flips(output_weights, examples.rows, rule.edges, state, r)
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
def tabulate(words, signals, first, last, tables):
    """Subset sums of +-signal of the groups of patterns [first, last), on one tile.

    words (B,) uint64, the tile's inputs. Written: tables (PORTION ENTRY,) int16, the sums over subset s of a group at
    LANES s. Cost 2^GROUP additions of LANES numbers per group.
    """
    for p in range(first, last):
        g, i = (p - first) // GROUP, (p - first) % GROUP
        x = signed_shorts(signals[p], words[p])
        at, size = g * ENTRY, LANES << i
        if i == 0:
            store_shorts(tables, at, no_shorts())
        for s in range(at, at + size, LANES):
            store_shorts(tables, s + size, plus_shorts(load_shorts(tables, s), x))


@kernel
def tabulate_wide(words, signals, first, last, tables):
    """The same in 32 bits."""
    for p in range(first, last):
        g, i = (p - first) // GROUP, (p - first) % GROUP
        x = widened(signed_shorts(signals[p], words[p]))
        at, size = g * ENTRY, LANES << i
        if i == 0:
            store(tables, at, splat(np.int32(0)))
        for s in range(at, at + size, LANES):
            store(tables, s + size, plus(load(tables, s), x))


@inlined
def sum_of_groups(at, r, first, last, h, scratch):
    """Of unit h of replica r: the sum of its entries in the groups [first, last), whose tables begin at place `at`."""
    total, places, tables = no_shorts(), scratch.places, scratch.tables
    for g in range(first, last):
        total = plus_shorts(total, load_shorts(tables, at + np.int64(places[np.uint64(r), np.uint64(g), np.uint64(h)])))
        at += ENTRY
    return widened(total)


@inlined
def sum_of_wide_groups(at, r, first, last, h, scratch):
    """The same from tables of 32 bits."""
    total, places, tables = splat(np.int32(0)), scratch.places, scratch.wide_tables
    for g in range(first, last):
        total = plus(total, load(tables, at + np.int64(places[np.uint64(r), np.uint64(g), np.uint64(h)])))
        at += ENTRY
    return total


@inlined
def sum_of_patterns(t, r, first, last, h, scratch):
    """The same from the patterns of the groups, tile t, without tables."""
    total, places, words, signals = no_shorts(), scratch.places, scratch.words, scratch.steps
    for g in range(first, last):
        for i in range(GROUP):
            if places[r, g, h] & (LANES << i):
                p = g * GROUP + i
                total = plus_shorts(total, signed_shorts(signals[r, p], words[r, t, p]))
    return widened(total)


@inlined
def step(up, rule, portion, packs, present, latents, words, t, r, scratch):
    """Move the units of a tile of one replica by the steps of a portion; clip after the last portion.

    packs: the signs of the latents become words.
    """
    H, at, (first, last) = latents.shape[1], r * PORTION * ENTRY, groups_of(portion, r, scratch)
    clips, limit = portion == scratch.n_portions[r] - 1 and scratch.reaches[r] > rule.clip, splat(np.int32(rule.clip))
    if scratch.wide[r]:
        for h in range(H):
            total = sum_of_wide_groups(at, r, first, last, h, scratch)
            take(total, up, clips, limit, packs, present, latents, words, t, r, h)
    elif H >= FEW_UNITS:
        for h in range(H):
            total = sum_of_groups(at, r, first, last, h, scratch)
            take(total, up, clips, limit, packs, present, latents, words, t, r, h)
    else:
        for h in range(H):
            total = sum_of_patterns(t, r, first, last, h, scratch)
            take(total, up, clips, limit, packs, present, latents, words, t, r, h)


@inlined
def take(total, up, clips, limit, packs, present, latents, words, t, r, h):
    """Change LANES latents of a unit by `total`; clip them and set their signs as `step` does."""
    place = (r * latents.shape[1] + h) * LANES
    old = load(latents, place)
    new = plus(old, total) if up[np.uint64(h)] > 0 else minus(old, total)
    if clips:
        new = clipped(new, limit)
    store(latents, place, new)
    if packs:
        words[np.uint64(r), np.uint64(h), np.uint64(t)] = present ^ (negative_bits(new) & present)


@inlined
def groups_of(portion, r, scratch):
    """The groups of a portion: number of the first, and of the one after the last."""
    first = scratch.ends[r, portion - 1] if portion else 0
    return first // GROUP, (scratch.ends[r, portion] + GROUP - 1) // GROUP


@inlined
def tabulate_portion(portion, t, r, scratch):
    """Fill the replica's tables with those of a portion."""
    first = scratch.ends[r, portion - 1] if portion else 0
    words, signals, last, at = scratch.words[r, t], scratch.steps[r], scratch.ends[r, portion], r * PORTION * ENTRY
    if scratch.wide[r]:
        tabulate_wide(words, signals, first, last, scratch.wide_tables[at:])
    else:
        tabulate(words, signals, first, last, scratch.tables[at:])


@inlined
def move(up, n_inputs, rule, share, latents, words, t, scratch):
    """One step of a tile of all replicas, portion by portion, and their coupling."""
    R, H, _ = latents.shape
    present = columns(n_inputs, t)
    for r in range(R):
        last = scratch.n_portions[r] - 1
        for portion in range(last + 1):
            if H >= FEW_UNITS:
                tabulate_portion(portion, t, r, scratch)
            step(up, rule, portion, share == 0 and portion == last, present, latents, words, t, r, scratch)
    if share > 0:
        couple(latents, share, present, words, t)


@inlined
def columns(n_inputs, tile):
    """A word with a bit for each column of a tile that exists."""
    return np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(max(0, LANES * (tile + 1) - n_inputs))


@inlined
def couple(latents, share, present, words, t):
    """w_a <- w_a + f sum_b (w_b - w_a), f = share / 2^31, rounded (halves up), for a tile.

    latents (R, H, LANES) int32; share int32, R share <= 2^31: a mean with weights, so that no latent leaves the range
    of the replicas. Column t of words (R, H, W) uint64 <- the new signs where `present`.
    """
    R, H = latents.shape[:2]
    own_share, half = np.int32(FULL - R * share), splat_long(FULL // 2)
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
            words[np.uint64(r), np.uint64(h), np.uint64(t)] = present ^ (negative_bits(new) & present)


@kernel
def centre_into(latents, n_inputs, words):
    """words (H, W) uint64 <- signs of the sum of replicas; latents (W, R, H, LANES) int32."""
    T, R, H = latents.shape[:3]
    for t in range(T):
        present = columns(n_inputs, t)
        for h in range(H):
            total = load(latents, t * R * H * LANES + h * LANES)
            for r in range(1, R):
                total = plus(total, load(latents, ((t * R + r) * H + h) * LANES))
            words[h, t] = present ^ (negative_bits(total) & present)


@kernel
def reach_of(latents):
    """The largest |latent| of all replicas, (T, R, H, LANES). Cost R H N."""
    flat = latents.reshape(-1)
    largest, smallest = np.int32(0), np.int32(0)
    for place in range(flat.shape[0]):
        largest, smallest = max(largest, flat[place]), min(smallest, flat[place])
    return max(np.int64(largest), -np.int64(smallest))


@inlined
def train_epoch(state, examples, output_weights, n_inputs, order, batch_size, rule, shares, scratch):
    """One epoch of coupled BinaryNet SGD (straight-through estimator, clipped latents; paper, appendix B).

    R = 1 is plain SGD. output_weights (H,) int8; order (R, P) int64, the shuffles; shares (3,) int32: strength of the
    coupling (`couple`), inside the gradient step, after each mini-batch and after the epoch (0: none). Cost of a batch
    with L live patterns and F flips: R H N (L / GROUP + 8) and R N L 2^GROUP / GROUP operations on integers; R F P bits
    with `walk.follow`.
    """
    R, P = order.shape
    if scratch.reaches.max() > rule.clip:
        scratch.reaches[:] = reach_of(state.latents)
    for start in range(0, P, batch_size):
        end = start + batch_size >= P
        share = max(shares[1], shares[2] if end else 0)
        idle = share == 0 and shares[0] == 0
        for r in range(R):
            batch = order[r, start : start + batch_size]
            look(batch, rule.steps[1 if end else 0], output_weights, n_inputs, examples, rule, state, r, scratch)
            scratch.reaches[r] = min(scratch.reaches[r], rule.clip) + scratch.moves[r]
            idle &= scratch.n_portions[r] == 0
        scratch.reaches[:] = scratch.reaches.max()  # a coupled replica may get latents as large as another's
        for t in range(0 if idle else state.latents.shape[0]):
            latents, words = state.latents[t], state.words
            if shares[0] > 0:
                couple(latents, shares[0], columns(n_inputs, t), words, t)
            move(output_weights, n_inputs, rule, share, latents, words, t, scratch)


@kernel
def train_epochs(
    state, examples, output_weights, n_inputs, uniforms, batch_size, rule, shares, stop, scratch, order, errors
):
    """Epochs one after the other, until the first without an error if `stop`; returns how many.

    uniforms (R, E, P) float64 in [0, 1), of which the shuffles are made; shares (E, 3) int32; order (R, P) int64,
    scratch. Written: errors (E, S) int64 after every epoch: of the one run, or of the centre and each replica.
    """
    R, E, P = uniforms.shape
    S = state.words.shape[0]  # the centre of several replicas is the last
    for e in range(E):
        for r in range(R):
            for p in range(P):
                order[r, p] = p
            shuffle_into(uniforms[r, e], order[r])
        train_epoch(state, examples, output_weights, n_inputs, order, batch_size, rule, shares[e], scratch)
        if S > R:
            centre_into(state.latents, n_inputs, state.words[R])
        for s in range(S):
            follow_flips(output_weights, examples.rows, rule.edges, state, s)
            place = 0 if s == S - 1 else s + 1
            errors[e, place] = 0
            for v in range(state.votes.shape[1]):
                errors[e, place] += n_errors(state.votes[s, v], examples.negative[v], examples.real[v])
        if stop and errors[e, 0] == 0:
            return e + 1
    return E
