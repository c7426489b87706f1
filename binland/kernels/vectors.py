"""Vector registers as values in kernels: LANES int32, WIDTH uint64 or WIDTH float64 side by side, and their operations.

Numba leaves it to LLVM to find vectors in loops, which fails where a loop has to keep its sums in registers. Here
they are asked for by name. LLVM splits what is wider than a register, so that every CPU gives the same numbers.
Arrays are contiguous and addressed by an element's place in memory.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic, models, register_model


def _register_words() -> int:
    """Words of 64 bits in a vector register of the CPU that numba compiles for."""
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    if features is None:
        features = llvmlite.binding.get_host_cpu_features().flatten()
    present = features.split(",")
    return 8 if "+avx512bw" in present else 4 if "+avx2" in present else 2


WIDTH = _register_words()
LANES = 64

_WORD, _INTEGER = ir.IntType(64), ir.IntType(32)
_WORDS, _INTEGERS = ir.VectorType(_WORD, WIDTH), ir.VectorType(_INTEGER, LANES)
_SHORT, _LONGS = ir.IntType(16), ir.VectorType(_WORD, LANES // 2)
_SHORTS = ir.VectorType(_SHORT, LANES)
_SHUFFLE = ir.VectorType(_INTEGER, 8)
_PAIRS = ir.VectorType(_INTEGER, 2 * WIDTH)
_FLOATS = ir.VectorType(ir.DoubleType(), WIDTH)


class _Vector(types.Type):
    def __init__(self, name: str, lowered: Any):
        self.lowered = lowered
        super().__init__(name)


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: _Vector):
        super().__init__(manager, kind, kind.lowered)


_words, _integers = _Vector("words", _WORDS), _Vector("integers", _INTEGERS)
_longs, _shorts = _Vector("longs", _LONGS), _Vector("shorts", _SHORTS)
_floats = _Vector("floats", _FLOATS)


def _splat(b: Any, scalar: Any, vector: Any) -> Any:
    nothing, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [first] * vector.count)
    return b.shuffle_vector(b.insert_element(nothing, scalar, first), nothing, everywhere)


def pointers(context: Any, b: Any, signature: Any, arguments: Any) -> list[Any]:
    """Arguments of an intrinsic: arrays as pointers to their data, numbers unchanged."""
    return [
        context.make_array(kind)(context, b, value=value).data if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def popcounts(b: Any, words: Any) -> Any:
    """Set bits of each of WIDTH words."""
    kind = ir.FunctionType(_WORDS, [_WORDS])
    return b.call(cgutils.get_or_insert_function(b.module, kind, f"llvm.ctpop.v{WIDTH}i64"), [words])


def _typed(signature: Any, build: Callable[..., Any]) -> tuple[Any, Callable[..., Any]]:
    """Type and lowering of an operation whose IR is build(b, values); arrays come as pointers to their data."""

    def lower(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        result = build(b, *pointers(context, b, signature, arguments))
        return context.get_dummy_value() if signature.return_type is types.void else result

    return signature, lower


def _load(vector: Any, align: int) -> Callable[..., Any]:
    return lambda b, data, place: b.load(b.bitcast(b.gep(data, [place]), vector.as_pointer()), align=align)


def _store(align: int) -> Callable[..., Any]:
    def build(b: Any, data: Any, place: Any, vector: Any) -> None:
        b.store(vector, b.bitcast(b.gep(data, [place]), vector.type.as_pointer()), align=align)

    return build


@intrinsic
def load(typing_context: Any, array: Any, place: Any) -> Any:
    """LANES entries of an int32 array."""
    return _typed(_integers(array, types.int64), _load(_INTEGERS, 4))


@intrinsic
def store(typing_context: Any, array: Any, place: Any, x: Any) -> Any:
    """LANES entries into an int32 array."""
    return _typed(types.void(array, types.int64, _integers), _store(4))


@intrinsic
def splat(typing_context: Any, x: Any) -> Any:
    """One int32, LANES times."""
    return _typed(_integers(types.int32), lambda b, x: _splat(b, x, _INTEGERS))


@intrinsic
def plus(typing_context: Any, x: Any, y: Any) -> Any:
    """x + y modulo 2^32."""
    return _typed(_integers(_integers, _integers), lambda b, x, y: b.add(x, y))


@intrinsic
def minus(typing_context: Any, x: Any, y: Any) -> Any:
    """x - y modulo 2^32."""
    return _typed(_integers(_integers, _integers), lambda b, x, y: b.sub(x, y))


@intrinsic
def load_shorts(typing_context: Any, array: Any, place: Any) -> Any:
    """LANES entries of an int16 array."""
    return _typed(_shorts(array, types.int64), _load(_SHORTS, 2))


@intrinsic
def store_shorts(typing_context: Any, array: Any, place: Any, x: Any) -> Any:
    """LANES entries into an int16 array."""
    return _typed(types.void(array, types.int64, _shorts), _store(2))


@intrinsic
def signed_shorts(typing_context: Any, x: Any, bits: Any) -> Any:
    """One int16, LANES times: x where the bit of a uint64 is 1, else -x."""

    def build(b: Any, x: Any, bits: Any) -> Any:
        mask = b.bitcast(bits, ir.VectorType(ir.IntType(1), LANES))
        return b.select(mask, _splat(b, x, _SHORTS), _splat(b, b.neg(x), _SHORTS))

    return _typed(_shorts(types.int16, types.uint64), build)


@intrinsic
def no_shorts(typing_context: Any) -> Any:
    """LANES times 0."""
    return _typed(_shorts(), lambda b: ir.Constant(_SHORTS, [0] * LANES))


@intrinsic
def plus_shorts(typing_context: Any, x: Any, y: Any) -> Any:
    """x + y modulo 2^16."""
    return _typed(_shorts(_shorts, _shorts), lambda b, x, y: b.add(x, y))


@intrinsic
def widened(typing_context: Any, x: Any) -> Any:
    """LANES int16 as int32."""
    return _typed(_integers(_shorts), lambda b, x: b.sext(x, _INTEGERS))


@intrinsic
def even_products(typing_context: Any, x: Any, factor: Any) -> Any:
    """LANES / 2 int64: the lanes 0, 2, ... times one int32. (CPUs multiply 32 by 32 bits so: the product fills 64.)"""

    def build(b: Any, x: Any, factor: Any) -> Any:
        half = ir.Constant(_LONGS, [32] * _LONGS.count)
        lanes = b.ashr(b.shl(b.bitcast(x, _LONGS), half), half)
        return b.mul(lanes, _splat(b, b.sext(factor, _WORD), _LONGS))

    return _typed(_longs(_integers, types.int32), build)


@intrinsic
def odd_products(typing_context: Any, x: Any, factor: Any) -> Any:
    """LANES / 2 int64: the lanes 1, 3, ... times one int32."""

    def build(b: Any, x: Any, factor: Any) -> Any:
        lanes = b.ashr(b.bitcast(x, _LONGS), ir.Constant(_LONGS, [32] * _LONGS.count))
        return b.mul(lanes, _splat(b, b.sext(factor, _WORD), _LONGS))

    return _typed(_longs(_integers, types.int32), build)


@intrinsic
def splat_long(typing_context: Any, x: Any) -> Any:
    """One int64, LANES / 2 times."""
    return _typed(_longs(types.int64), lambda b, x: _splat(b, x, _LONGS))


@intrinsic
def plus_long(typing_context: Any, x: Any, y: Any) -> Any:
    """x + y modulo 2^64."""
    return _typed(_longs(_longs, _longs), lambda b, x, y: b.add(x, y))


@intrinsic
def joined(typing_context: Any, even: Any, odd: Any) -> Any:
    """LANES int32: floor(x / 2^31), modulo 2^32, of the x of even and of odd lanes."""

    def build(b: Any, even: Any, odd: Any) -> Any:
        one, most = (ir.Constant(_LONGS, [k] * _LONGS.count) for k in (1, 31))
        even, odd = b.bitcast(b.lshr(even, most), _INTEGERS), b.bitcast(b.shl(odd, one), _INTEGERS)
        order = [lane if lane % 2 == 0 else LANES + lane for lane in range(LANES)]
        return b.shuffle_vector(even, odd, ir.Constant(_INTEGERS, order))

    return _typed(_integers(_longs, _longs), build)


@intrinsic
def clipped(typing_context: Any, x: Any, limit: Any) -> Any:
    """x within [-limit, limit]."""

    def build(b: Any, x: Any, limit: Any) -> Any:
        lower = b.neg(limit)
        x = b.select(b.icmp_signed("<", x, lower), lower, x)
        return b.select(b.icmp_signed(">", x, limit), limit, x)

    return _typed(_integers(_integers, _integers), build)


@intrinsic
def negative_bits(typing_context: Any, x: Any) -> Any:
    """uint64 whose bits say where x < 0, register by register: a CPU has one operation for the signs of each."""

    def build(b: Any, x: Any) -> Any:
        lanes = 2 * WIDTH
        kind, bits = ir.VectorType(_INTEGER, lanes), ir.Constant(_WORD, 0)
        for first in range(0, LANES, lanes):
            places = ir.Constant(ir.VectorType(_INTEGER, lanes), list(range(first, first + lanes)))
            part = b.shuffle_vector(x, ir.Constant(_INTEGERS, ir.Undefined), places)
            negative = b.icmp_signed("<", part, ir.Constant(kind, [0] * lanes))
            word = b.zext(b.bitcast(negative, ir.IntType(lanes)), _WORD)
            bits = b.or_(bits, b.shl(word, ir.Constant(_WORD, first)))
        return bits

    return _typed(types.uint64(_integers), build)


@intrinsic
def bits_of(typing_context: Any, array: Any, place: Any, mask: Any) -> Any:
    """uint64: where 64 entries of a uint8 array, from a place on, have a bit of a mask."""
    kind = ir.VectorType(ir.IntType(8), 64)

    def build(b: Any, data: Any, place: Any, mask: Any) -> Any:
        entries = b.load(b.bitcast(b.gep(data, [place]), kind.as_pointer()), align=1)
        common = b.and_(entries, _splat(b, mask, kind))
        return b.bitcast(b.icmp_unsigned("!=", common, ir.Constant(kind, [0] * 64)), _WORD)

    return _typed(types.uint64(array, types.int64, types.uint8), build)


@intrinsic
def add_counts(typing_context: Any, planes: Any, w: Any, counts: Any, place: Any) -> Any:
    """Add 64 bit-sliced numbers, word w of planes (8, WIDTH) uint64, to as many unsigned entries of an array."""
    kind = ir.VectorType(ir.IntType(counts.dtype.bitwidth), 64)

    def build(b: Any, planes: Any, w: Any, counts: Any, place: Any) -> None:
        address = b.bitcast(b.gep(counts, [place]), kind.as_pointer())
        total = b.load(address, align=1)
        for j in range(8):
            word = b.load(b.gep(planes, [b.add(w, ir.Constant(_WORD, j * WIDTH))]), align=8)
            bits = b.bitcast(word, ir.VectorType(ir.IntType(1), 64))
            value = ir.Constant(kind, [1 << j] * 64)
            total = b.add(total, b.select(bits, value, ir.Constant(kind, [0] * 64)))
        b.store(total, address, align=1)

    return _typed(types.void(planes, types.int64, counts, types.int64), build)


@intrinsic
def load_words(typing_context: Any, array: Any, place: Any) -> Any:
    """WIDTH entries of a uint64 array."""
    return _typed(_words(array, types.int64), _load(_WORDS, 8))


@intrinsic
def store_words(typing_context: Any, array: Any, place: Any, x: Any) -> Any:
    """WIDTH entries into a uint64 array."""
    return _typed(types.void(array, types.int64, _words), _store(8))


@intrinsic
def splat_word(typing_context: Any, x: Any) -> Any:
    """One uint64, WIDTH times."""
    return _typed(_words(types.uint64), lambda b, x: _splat(b, x, _WORDS))


@intrinsic
def plus_words(typing_context: Any, x: Any, y: Any) -> Any:
    """x + y modulo 2^64."""
    return _typed(_words(_words, _words), lambda b, x, y: b.add(x, y))


@intrinsic
def store_sums(typing_context: Any, x: Any, places: Any, first: Any, shift: Any, out: Any, into: Any, step: Any) -> Any:
    """All sums of four int16 with signs, 2 WIDTH times side by side: 16 entries of a uint64 array, `step` apart.

    The four begin at x[places[first] + shift], x[places[first + 1] + shift], ... Bit k of an entry's number says that
    the k-th is added, else it is subtracted. Sums are int32, two in a word: 8 of pairs, then 16 of pairs of pairs.
    """

    def build(b: Any, x: Any, places: Any, first: Any, shift: Any, out: Any, into: Any, step: Any) -> None:
        shorts = ir.VectorType(ir.IntType(16), 2 * WIDTH)
        four = []
        for _ in range(4):
            place = b.add(b.load(b.gep(places, [first])), shift)
            four.append(b.sext(_load(shorts, 2)(b, x, place), _PAIRS))
            first = b.add(first, ir.Constant(_WORD, 1))
        low, high = ([b.neg(b.add(v, w)), b.sub(v, w), b.sub(w, v), b.add(v, w)] for v, w in (four[:2], four[2:]))
        for y in high:
            for z in low:
                _store(8)(b, out, into, b.bitcast(b.add(y, z), _WORDS))
                into = b.add(into, step)

    signature = types.void(x, places, types.int64, types.int64, out, types.int64, types.int64)
    return _typed(signature, build)


@intrinsic
def transpose(typing_context: Any, x: Any, place: Any, stride: Any, out: Any, into: Any, step: Any) -> Any:
    """8 x 8 entries of an int16 array, rows `stride` apart, into another one as columns, rows `step` apart.

    Three times the upper rows are interleaved with the lower ones, as two packs of cards are.
    """
    kind = ir.VectorType(ir.IntType(16), 8)
    halves = [ir.Constant(_SHUFFLE, [k // 2 + 8 * (k % 2) + first for k in range(8)]) for first in (0, 4)]

    def build(b: Any, x: Any, place: Any, stride: Any, out: Any, into: Any, step: Any) -> None:
        rows = []
        for _ in range(8):
            rows.append(_load(kind, 2)(b, x, place))
            place = b.add(place, stride)
        for _ in range(3):
            rows = [b.shuffle_vector(rows[k], rows[k + 4], half) for k in range(4) for half in halves]
        for row in rows:
            _store(2)(b, out, into, row)
            into = b.add(into, step)

    return _typed(types.void(x, types.int64, types.int64, out, types.int64, types.int64), build)


@intrinsic
def plus_pairs(typing_context: Any, x: Any, y: Any) -> Any:
    """x + y modulo 2^32, of two int32 in each word."""

    def build(b: Any, x: Any, y: Any) -> Any:
        return b.bitcast(b.add(b.bitcast(x, _PAIRS), b.bitcast(y, _PAIRS)), _WORDS)

    return _typed(_words(_words, _words), build)


@intrinsic
def plus_distance(typing_context: Any, total: Any, x: Any, y: Any) -> Any:
    """total + the number of bits in which x and y differ."""
    return _typed(_words(_words, _words, _words), lambda b, total, x, y: b.add(total, popcounts(b, b.xor(x, y))))


@intrinsic
def where_less(typing_context: Any, x: Any, limit: Any, yes: Any, no: Any) -> Any:
    """yes where x < limit, unsigned, else no."""

    def build(b: Any, x: Any, limit: Any, yes: Any, no: Any) -> Any:
        return b.select(b.icmp_unsigned("<", x, limit), yes, no)

    return _typed(_words(_words, _words, _words, _words), build)


@intrinsic
def less_bits(typing_context: Any, x: Any, limit: Any) -> Any:
    """uint64 whose lowest WIDTH bits say where x < limit, unsigned."""

    def build(b: Any, x: Any, limit: Any) -> Any:
        return b.zext(b.bitcast(b.icmp_unsigned("<", x, limit), ir.IntType(WIDTH)), _WORD)

    return _typed(types.uint64(_words, _words), build)


@intrinsic
def both(typing_context: Any, x: Any, y: Any) -> Any:
    """x and y, bit by bit."""
    return _typed(_words(_words, _words), lambda b, x, y: b.and_(x, y))


@intrinsic
def either(typing_context: Any, x: Any, y: Any) -> Any:
    """x or y, bit by bit."""
    return _typed(_words(_words, _words), lambda b, x, y: b.or_(x, y))


@intrinsic
def unlike(typing_context: Any, x: Any, y: Any) -> Any:
    """Where the bits of x and y differ."""
    return _typed(_words(_words, _words), lambda b, x, y: b.xor(x, y))


@intrinsic
def without(typing_context: Any, x: Any, y: Any) -> Any:
    """x and not y, bit by bit."""
    return _typed(_words(_words, _words), lambda b, x, y: b.and_(x, b.not_(y)))


@intrinsic
def plus_count(typing_context: Any, total: Any, x: Any) -> Any:
    """total + the number of set bits of x, word by word."""
    return _typed(_words(_words, _words), lambda b, total, x: b.add(total, popcounts(b, x)))


@intrinsic
def sum_of_words(typing_context: Any, x: Any) -> Any:
    """uint64: the sum of the WIDTH words, modulo 2^64."""

    def build(b: Any, x: Any) -> Any:
        reduce = ir.FunctionType(_WORD, [_WORDS])
        name = f"llvm.vector.reduce.add.v{WIDTH}i64"
        return b.call(cgutils.get_or_insert_function(b.module, reduce, name), [x])

    return _typed(types.uint64(_words), build)


@intrinsic
def load_floats(typing_context: Any, array: Any, place: Any) -> Any:
    """WIDTH entries of a float64 array."""
    return _typed(_floats(array, types.int64), _load(_FLOATS, 8))


@intrinsic
def store_floats(typing_context: Any, array: Any, place: Any, x: Any) -> Any:
    """WIDTH entries into a float64 array."""
    return _typed(types.void(array, types.int64, _floats), _store(8))


@intrinsic
def plus_product(typing_context: Any, total: Any, x: Any, y: Any) -> Any:
    """total + x y, the product rounded first: the same bits with and without fused operations."""
    return _typed(_floats(_floats, _floats, _floats), lambda b, total, x, y: b.fadd(total, b.fmul(x, y)))


@intrinsic
def minus_product(typing_context: Any, total: Any, x: Any, y: Any) -> Any:
    """total - x y, the product rounded first."""
    return _typed(_floats(_floats, _floats, _floats), lambda b, total, x, y: b.fsub(total, b.fmul(x, y)))
