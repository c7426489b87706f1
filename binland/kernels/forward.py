"""Pre-activations and error counts from packed bits: w . x = N - 2 popcount(w xor x)."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from binland.kernels.compiler import kernel


@intrinsic
def popcount(typing_context: Any, word: Any) -> Any:
    """Number of set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)])
        return builder.call(count, arguments)

    return types.uint64(types.uint64), codegen


@kernel
def row_distance(a, b):
    """Differing bits of two packed rows a, b (W,) uint64. Cost W popcounts."""
    total = np.uint64(0)
    for k in range(a.shape[0]):
        total += popcount(a[k] ^ b[k])
    return np.int64(total)


@kernel
def preactivations_into(weight_words, input_words, n_inputs, out):
    """Delta_h(mu) = w_h . x_mu, unscaled.

    weight_words (H, W) uint64, input_words (P, W) uint64, out (H, P) integer. Cost H P W popcounts.
    """
    for h in range(weight_words.shape[0]):
        for p in range(input_words.shape[0]):
            out[h, p] = n_inputs - 2 * row_distance(weight_words[h], input_words[p])


@kernel
def output(weight_words, pattern, output_weights, n_inputs):
    """sum_h c_h sign(w_h . x) for weight_words (H, W) and one pattern (W,) uint64, output_weights (H,) int8."""
    total = 0
    for h in range(weight_words.shape[0]):
        rising = 2 * row_distance(weight_words[h], pattern) <= n_inputs
        total += output_weights[h] if rising else -output_weights[h]
    return total


@kernel
def outputs_into(weight_words, input_words, output_weights, n_inputs, out):
    """sum_h c_h sign(w_h . x_mu), whose sign is the label the machine predicts.

    weight_words (H, W) uint64, input_words (P, W) uint64, output_weights (H,) int8, out (P,) int64.
    Cost H P W popcounts.
    """
    for p in range(input_words.shape[0]):
        out[p] = output(weight_words, input_words[p], output_weights, n_inputs)


@kernel
def count_errors(weight_words, input_words, labels, output_weights, n_inputs):
    """Number of patterns on which sign(sum_h c_h sign(w_h . x)) differs from the label.

    weight_words (H, W) uint64, input_words (P, W) uint64, labels (P,) int8, output_weights (H,) int8.
    Cost H P W popcounts.
    """
    errors = 0
    for p in range(input_words.shape[0]):
        errors += (output(weight_words, input_words[p], output_weights, n_inputs) >= 0) != (labels[p] > 0)
    return errors
