"""Compiled kernels: flat arrays of fixed dtype in, output last, no validation.

Notation of the paper: N inputs, H hidden units, P patterns, W = ceil(N / 64) words per packed row.
A perceptron is the committee machine with H = 1, so every kernel serves both models. sign(0) = +1.
"""
