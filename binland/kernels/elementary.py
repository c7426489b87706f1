"""Exponential, logarithm and Mills ratio, from sums, products and quotients only.

Those of the C library differ in the last digits between systems; these give the same bits on every CPU, and LLVM
vectorises loops over them.
"""

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from binland.kernels.compiler import kernel

LOWEST = -700.0  # e^-700 is 1e-304
ROOT_TWO_PI = math.sqrt(2 * math.pi)
_ROUND = 1.5 * 2.0**52  # added to a float, it leaves the nearest integer in the lowest bits
_PER_BIT, _BIT, _BIT_REST = 1 / math.log(2), 0.693147180369123816490, 1.90821492927058770002e-10  # ln 2 in two parts
_ROOT_HALF = math.sqrt(0.5)
E2, E3, E4, E5, E6, E7, E8, E9, E10, E11 = (1 / math.factorial(k) for k in range(2, 12))


@intrinsic
def bits_of_float(typing_context: Any, x: Any) -> Any:
    """The 64 bits of a float64 as int64."""
    return types.int64(types.float64), lambda context, b, signature, values: b.bitcast(values[0], ir.IntType(64))


@intrinsic
def float_of_bits(typing_context: Any, bits: Any) -> Any:
    """The float64 with these 64 bits."""
    return types.float64(types.int64), lambda context, b, signature, values: b.bitcast(values[0], ir.DoubleType())


@kernel
def exp(x):
    """e^x for x <= 0, at least e^-700; relative error below 1e-14."""
    above = max(x, LOWEST)
    shifted = above * _PER_BIT + _ROUND
    power = shifted - _ROUND
    r = (above - power * _BIT) - power * _BIT_REST
    square = r * r
    fourth = square * square
    low = (1.0 + r) + square * (E2 + E3 * r)
    middle = (E4 + E5 * r) + square * (E6 + E7 * r)
    high = (E8 + E9 * r) + square * (E10 + E11 * r)
    return (low + fourth * (middle + fourth * high)) * float_of_bits((bits_of_float(shifted) + 1023) << 52)


@kernel
def tanh(x):
    """tanh x; absolute error below 1e-14."""
    power = exp(-2.0 * abs(x))
    return math.copysign((1.0 - power) / (1.0 + power), x)


@kernel
def log(x):
    """ln x for 1e-307 < x < 1e307; absolute error below 1e-15 (1 + |ln x|)."""
    bits = bits_of_float(x)
    power = (bits >> 52) - 1023
    rest = 0.5 * float_of_bits((bits & 0xFFFFFFFFFFFFF) | (1023 << 52))  # in [1/2, 1)
    if rest < _ROOT_HALF:
        rest *= 2.0
    else:
        power += 1
    z = (rest - 1.0) / (rest + 1.0)
    square = z * z
    series = 0.0
    for k in range(21, 0, -2):
        series = series * square + 1.0 / k
    return power * _BIT + (2.0 * z * series + power * _BIT_REST)


@kernel
def log_two_cosh(x):
    """ln(2 cosh x) without overflow."""
    return abs(x) + log(1.0 + exp(-2.0 * abs(x)))


MILLS = (
    1.1670525350882472e+00, -1.6101957671346526e-01, -2.8002821825453099e-02, 3.1674521892392740e-02,
    -1.2103231162345530e-02, 2.7056129762170755e-03, -2.9931636202725544e-04, -1.7166865268691821e-05,
    1.0178489264089930e-05, -4.8948295702899716e-07, -2.8440064994583739e-07, 3.0766283929395400e-08,
    9.1803785062793961e-09, -1.2756103373590122e-09, -3.6602785691286497e-10, 4.5926338287927137e-11,
    1.7189139001061449e-11, -1.2722978226520354e-12, -8.6713747293742932e-13, 1.1457501614131616e-15,
    4.2972292391141309e-14, 4.0145664570445665e-15, -1.8918200339612667e-15,
)  # fmt: skip


@kernel
def mills(x):
    """H(x) / G(x) for x >= 0, the tail of the normal law over its density; relative error below 1e-14.

    MILLS are the Chebyshev coefficients of (1 + x) H(x) / G(x) in (x - 4) / (x + 4), as Shepherd and Laframboise (1981)
    do it for erfc.
    """
    z = 2.0 * (x - 4.0) / (x + 4.0)
    before, now = 0.0, 0.0
    for k in range(len(MILLS) - 1, 0, -1):
        before, now = now, z * now - before + MILLS[k]
    return (0.5 * z * now - before + MILLS[0]) / (1.0 + x)
