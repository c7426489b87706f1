"""Pre-activations and outputs from packed bits: w . x = N - 2 popcount(w xor x)."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from binland.kernels.compiler import kernel
from binland.kernels.vectors import WIDTH, load_words, plus_distance, plus_words, splat_word, store_words, where_less


@intrinsic
def popcount(typing_context: Any, word: Any) -> Any:
    """Number of set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)])
        return builder.call(count, arguments)

    return types.uint64(types.uint64), codegen


@kernel
def preactivations_into(weight_words, input_words, n_inputs, out):
    """Delta_h(mu) = w_h . x_mu, unscaled.

    weight_words (H, W) uint64, input_words (P, W) uint64, out (H, P) integer. Cost H P W popcounts.
    """
    for h in range(weight_words.shape[0]):
        w = weight_words[h]
        for p in range(input_words.shape[0]):
            x = input_words[p]
            distance = np.uint64(0)
            for k in range(w.shape[0]):
                distance += popcount(w[k] ^ x[k])
            out[h, p] = n_inputs - 2 * np.int64(distance)


@kernel
def outputs_into(weight_words, stacks, output_weights, n_inputs, out):
    """sum_h c_h sign(w_h . x_mu), whose sign is the label the machine predicts.

    weight_words (H, W) uint64; stacks (S, W, WIDTH) uint64, WIDTH patterns side by side; output_weights (H,) int8;
    written: out (WIDTH S,) int64. Cost H P W popcounts, WIDTH at a time.
    """
    H, W = weight_words.shape
    half = splat_word(np.uint64(n_inputs // 2 + 1))
    for s in range(stacks.shape[0]):
        votes = splat_word(np.uint64(0))
        for h in range(H):
            distance = splat_word(np.uint64(0))
            for k in range(W):
                distance = plus_distance(
                    distance, splat_word(weight_words[h, k]), load_words(stacks, (s * W + k) * WIDTH)
                )
            up, down = splat_word(np.uint64(output_weights[h])), splat_word(np.uint64(-output_weights[h]))
            votes = plus_words(votes, where_less(distance, half, up, down))
        store_words(out, s * WIDTH, votes)
