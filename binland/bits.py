"""Arrays of -1 and +1: random ones, and packed into words of bits, where 1 is +1 and padding is 0."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

WORD = 64
_LINE = 64

Signs = NDArray[np.int8]
Words = NDArray[np.uint64]


def n_words(n: int) -> int:
    """Number of 64-bit words for n bits."""
    return -(-n // WORD)


def pack(signs: NDArray[np.generic]) -> Words:
    """Pack the last axis of a real array (..., N) into (..., W) uint64: the bit of x is x >= 0."""
    packed = np.packbits(np.greater_equal(signs, 0), axis=-1, bitorder="little")
    out = np.zeros((*packed.shape[:-1], n_words(signs.shape[-1]) * 8), np.uint8)
    out[..., : packed.shape[-1]] = packed
    return out.view("<u8").astype(np.uint64, copy=False)


def blocks(signs: NDArray[np.generic], width: int) -> Words:
    """Pack the last axis of a real array (..., N) into (..., ceil(N / 64 width), width) uint64, padded with 0."""
    words = pack(signs)
    out = aligned((*words.shape[:-1], -(-words.shape[-1] // width) * width), np.uint64)
    out[..., : words.shape[-1]], out[..., words.shape[-1] :] = words, 0
    return out.reshape(*words.shape[:-1], -1, width)


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An empty array that starts at a cache line; vector loads across two lines are twice as slow."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _LINE, np.uint8)
    first = -memory.ctypes.data % _LINE
    return memory[first : first + size].view(dtype).reshape(shape)


def aligned_copy(array: NDArray[Any]) -> NDArray[Any]:
    """A C-ordered copy that starts at a cache line."""
    out = aligned(array.shape, array.dtype)
    out[...] = array
    return out


def turned(values: NDArray[Any], signs: NDArray[Any]) -> NDArray[Any]:
    """Weights or latents times signs (-1, +1), broadcast, in the same type.

    A latent 0 has the sign +1; when reversed it becomes the negative number closest to 0, so that its sign changes.
    """
    out = values * signs.astype(values.dtype)
    if values.dtype.kind == "f":
        out[(values == 0) & (signs < 0)] = -np.finfo(values.dtype).tiny
    return out


def blended(start: NDArray[np.float32], end: NDArray[np.float32], taken: Signs, t: float) -> NDArray[np.float32]:
    """Latents with the signs `taken`: interpolated at t where the ends agree, else of the end with that sign."""
    both = ((1 - t) * start + t * end).astype(np.float32)
    alike = (as_signs(start) == as_signs(end)) & (as_signs(both) == taken)  # a negative sum may round to 0
    return np.where(alike, both, np.where(as_signs(start) == taken, start, end))


def to_bytes(signs: Signs) -> NDArray[np.uint8]:
    """All entries of a +-1 array in row-major order, eight to a byte, lowest bit first, padded with 0."""
    return np.packbits(signs.reshape(-1) > 0, bitorder="little")


def from_bytes(octets: NDArray[np.uint8], shape: tuple[int, ...]) -> Signs:
    """Undo `to_bytes`: int8 array of the given shape; further bytes are ignored."""
    bits = np.unpackbits(octets, count=math.prod(shape), bitorder="little")
    return (2 * bits.astype(np.int8) - 1).astype(np.int8).reshape(shape)


def as_signs(values: NDArray[np.generic]) -> Signs:
    """sign(values) as int8 with sign(0) = +1."""
    return 2 * np.asarray(np.greater_equal(values, 0)).astype(np.int8) - 1  # a byte per entry, also in between


def random_signs(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Signs:
    """Uniform +-1 int8 array."""
    return (2 * rng.integers(0, 2, shape, np.int8) - 1).astype(np.int8)
