"""Bit-sliced counters: one integer per pattern, its bits spread over several planes, 64 patterns to a word.

Plane j of a counter holds bit j of every pattern's integer, in two's complement: the last plane is the sign. Adding one
bit to every pattern is then a few logical operations on whole vector registers. Numba's loops would keep the planes in
memory, so these loops are written as LLVM IR. It is the same for every CPU: WIDTH only says how many words fit a
register. `scalar.py` does the same in plain Python, word by word.

A block of counters is (n, WIDTH) uint64, n one of PLANES. Bits to be added are rows (any, WIDTH) uint64.
"""

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from binland.kernels.vectors import WIDTH, pointers, popcounts

Builder = Any
Value = Any


PLANES = (4, 8, 10, 12, 14, 16, 20, 24)  # compiled numbers of planes

_WORD = ir.IntType(64)
_REGISTER = ir.VectorType(_WORD, WIDTH)
_ONES = ir.Constant(_REGISTER, [ir.Constant(_WORD, -1)] * WIDTH)


def _number(value: int) -> Value:
    return ir.Constant(_WORD, value)


def _address(b: Builder, pointer: Value, block: Value) -> Value:
    return b.bitcast(b.gep(pointer, [b.mul(block, _number(WIDTH))]), _REGISTER.as_pointer())


def _load(b: Builder, pointer: Value, block: Value) -> Value:
    return b.load(_address(b, pointer, block), align=8)


def _store(b: Builder, register: Value, pointer: Value, block: Value) -> None:
    b.store(register, _address(b, pointer, block), align=8)


def loop(b: Builder, first: Value, last: Value, by: int, state: list[Value], body: Callable[..., list[Value]]) -> Any:
    """for s in range(first, last, by): state = body(s, state), whole steps only. Returns s and the state."""
    before = b.block
    head, inside, after = (b.append_basic_block(name) for name in ("head", "inside", "after"))
    b.branch(head)
    b.position_at_end(head)
    s = b.phi(_WORD)
    s.add_incoming(first, before)
    held = [b.phi(value.type) for value in state]
    for phi, value in zip(held, state, strict=True):
        phi.add_incoming(value, before)
    following = b.add(s, _number(by))
    b.cbranch(b.icmp_signed("<=", following, last), inside, after)
    b.position_at_end(inside)
    new = body(s, held)
    s.add_incoming(following, b.block)
    for phi, value in zip(held, new, strict=True):
        phi.add_incoming(value, b.block)
    b.branch(head)
    b.position_at_end(after)
    return s, held


def _through(b: Builder, n: Value, planes: Value, first: Value, last: Value, bodies: dict[int, Any]) -> None:
    """Lead counters planes (n, WIDTH) through range(first, last); bodies[by] makes `by` steps, the largest first.

    There is code for each number of planes, chosen by n: in a loop over planes they would not stay in registers.
    """
    for count in _cases(b, n):
        s, state = first, [_load(b, planes, _number(j)) for j in range(count)]
        for by in sorted(bodies, reverse=True):
            s, state = loop(b, s, last, by, state, bodies[by])
        for j, plane in enumerate(state):
            _store(b, plane, planes, _number(j))


def _cases(b: Builder, n: Value) -> Iterator[int]:
    """Each number of planes in turn: what is built while it is yielded becomes the code for that n."""
    done = b.append_basic_block("done")
    switch = b.switch(n, done)
    for count in PLANES:
        case = b.append_basic_block(f"planes_{count}")
        switch.add_case(_number(count), case)
        b.position_at_end(case)
        yield count
        b.branch(done)
    b.position_at_end(done)


def _select(b: Builder, mask: Value, yes: Value, no: Value) -> Value:
    return b.xor(no, b.and_(mask, b.xor(yes, no)))


def _step(b: Builder, planes: list[Value], moving: Value, up: Value) -> list[Value]:
    """Counters after +1 (up) or -1 where moving: a ripple of carries."""
    new, carry = [], moving
    for plane in planes:
        new.append(b.xor(plane, carry))
        carry = b.and_(carry, b.not_(b.xor(plane, up)))
    return new


def _two_steps(b: Builder, planes: list[Value], moving: Any, up: Any) -> tuple[Value, Value, list[Value]]:
    """Signs after each of two steps, and the counters after both.

    Of a counter 2 h + bit, h moves at most to one side in two steps, so that one ripple serves both.
    """
    bit, *high, sign = planes
    first_out = b.and_(moving[0], b.not_(b.xor(bit, up[0])))  # h moves at the first step
    between = b.xor(bit, moving[0])
    second_out = b.and_(moving[1], b.not_(b.xor(between, up[1])))
    side = _select(b, first_out, up[0], up[1])
    gone = b.xor(first_out, second_out)  # both: there and back
    new, carry = [], _ONES
    for plane in high:
        new.append(b.xor(plane, b.and_(carry, gone)))
        carry = b.and_(carry, b.not_(b.xor(plane, side)))
    beyond = b.xor(sign, carry)
    first_sign, second_sign = _select(b, first_out, beyond, sign), _select(b, gone, beyond, sign)
    return first_sign, second_sign, [b.xor(between, moving[1]), *new, second_sign]


def _full(b: Builder, x: Value, y: Value, z: Value) -> tuple[Value, Value]:
    """Full adder: the two binary digits of x + y + z."""
    return b.xor(b.xor(x, y), z), b.or_(b.and_(x, y), b.and_(z, b.xor(x, y)))


def _count(b: Builder, bits: list[Value]) -> list[Value]:
    """Binary digits, the lowest first, of the sum of 2^d - 1 bits: 2^d - 1 - d full adders."""
    digits = []
    while bits:
        low, twos = bits[0], []
        for x, y in zip(bits[1::2], bits[2::2], strict=True):
            low, two = _full(b, low, x, y)
            twos.append(two)
        digits.append(low)
        bits = twos
    return digits


def _jump(b: Builder, planes: list[Value], bits: list[Value]) -> list[Value]:
    """Counters after +1 for each bit that is 1 and -1 for each that is 0, of 2^d - 1 bits.

    The bits' sum u makes a change by 2 u - (2^d - 1) = 2 (u - 2^(d - 1)) + 1. In two's complement the digits of
    u - 2^(d - 1) are those of u with the highest one inverted, which is the sign and goes on for ever.
    """
    *digits, high = _count(b, bits)
    new, carry = [b.not_(planes[0])], planes[0]
    for plane, digit in zip(planes[1:], digits, strict=False):
        total, carry = _full(b, plane, digit, carry)
        new.append(total)
    # What remains to be added is the carry, and -1 where the sign is negative: a step up or down, or none.
    return new + _step(b, planes[len(new) :], b.not_(b.xor(high, carry)), carry)


@intrinsic
def add(typing_context: Any, places: Any, rows: Any, n: Any, planes: Any) -> Any:
    """Add rows[places[s]] to the counters for every s.

    places (any,) int64, rows (any, WIDTH), planes (n, WIDTH), updated. Seven bits at a time become a number of three by
    four full adders. Cost per place: 1 load and (2 n + 8) / 7 operations (of three operands, on registers).
    """

    def codegen(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        places, rows, n, planes = pointers(context, b, signature, arguments)
        length = context.make_array(signature.args[0])(context, b, value=arguments[0]).nitems

        def row(s: Value) -> Value:
            return _load(b, rows, b.load(b.gep(places, [s])))

        def seven(s: Value, state: list[Value]) -> list[Value]:
            digits = _count(b, [row(b.add(s, _number(k))) for k in range(7)])
            new, carry = [], ir.Constant(_REGISTER, None)
            for plane, digit in zip(state[:3], digits, strict=True):
                total, carry = _full(b, plane, digit, carry)
                new.append(total)
            for plane in state[3:]:
                new.append(b.xor(plane, carry))
                carry = b.and_(plane, carry)
            return new

        def one(s: Value, state: list[Value]) -> list[Value]:
            return _step(b, state, row(s), _ONES)

        _through(b, n, planes, _number(0), length, {7: seven, 1: one})
        return context.get_dummy_value()

    return types.void(places, rows, n, planes), codegen


@intrinsic
def walk(typing_context: Any, codes: Any, first: Any, last: Any, rows: Any, n: Any, planes: Any, signs: Any) -> Any:
    """For s in range(first, last): counters go up by 1 where the bit of a row is 1, else down; their sign is kept.

    codes (any,) int64: the row, and 32 bits higher the place in signs (any, WIDTH) where the sign plane goes after the
    step; rows (any, WIDTH); planes (n, WIDTH), updated. Cost per step: a load, a store and n + 2 operations.
    """

    def codegen(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        codes, first, last, rows, n, planes, signs = pointers(context, b, signature, arguments)

        def row(code: Value) -> Value:
            return _load(b, rows, b.and_(code, _number(0xFFFFFFFF)))

        def write(code: Value, sign: Value) -> None:
            _store(b, sign, signs, b.lshr(code, _number(32)))

        def two(s: Value, state: list[Value]) -> list[Value]:
            pair = [b.load(b.gep(codes, [s])), b.load(b.gep(codes, [b.add(s, _number(1))]))]
            *both, state = _two_steps(b, state, (_ONES, _ONES), [row(code) for code in pair])
            for code, sign in zip(pair, both, strict=True):
                write(code, sign)
            return state

        def one(s: Value, state: list[Value]) -> list[Value]:
            code = b.load(b.gep(codes, [s]))
            state = _step(b, state, _ONES, row(code))
            write(code, state[-1])
            return state

        _through(b, n, planes, first, last, {2: two, 1: one})
        return context.get_dummy_value()

    return types.void(codes, first, last, rows, n, planes, signs), codegen


@intrinsic
def jump(typing_context: Any, places: Any, first: Any, last: Any, rows: Any, n: Any, planes: Any) -> Any:
    """As `walk` for rows[places[s]], s in range(first, last), without the signs on the way.

    places (any,) int32. Fifteen, seven or three steps at a time become one number by full adders. Cost per step of
    fifteen: 1 load and (2 n + 20) / 15 operations (of three operands).
    """

    def codegen(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        places, first, last, rows, n, planes = pointers(context, b, signature, arguments)

        def several(by: int) -> Callable[..., list[Value]]:
            def body(s: Value, state: list[Value]) -> list[Value]:
                steps = [b.load(b.gep(places, [b.add(s, _number(k))])) for k in range(by)]
                return _jump(b, state, [_load(b, rows, b.zext(step, _WORD)) for step in steps])

            return body

        _through(b, n, planes, first, last, {by: several(by) for by in (15, 7, 3, 1)})
        return context.get_dummy_value()

    return types.void(places, first, last, rows, n, planes), codegen


@intrinsic
def tally(
    typing_context: Any, units: Any, signs: Any, current: Any, n: Any, planes: Any, negative: Any, real: Any, wrong: Any
) -> Any:
    """For t in range(T): the signs of unit units[t] become signs[t], and the counters of units follow.

    units (T,) int64, signs (T, WIDTH); updated: current (H, WIDTH), the units' signs, and planes (n, WIDTH), which go
    up where a sign bit falls to 0. Written: wrong (T,) int64, the number of patterns whose counter's sign differs
    from `negative` (WIDTH,), where `real` (WIDTH,). Cost per step: two loads, a store, n + 4 operations and a
    popcount.
    """

    def codegen(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        units, signs, current, n, planes, negative, real, wrong = pointers(context, b, signature, arguments)
        steps = context.make_array(signature.args[0])(context, b, value=arguments[0]).nitems
        kind = ir.FunctionType(_WORD, [_REGISTER])
        total = cgutils.get_or_insert_function(b.module, kind, f"llvm.vector.reduce.add.v{WIDTH}i64")
        expected, valid = _load(b, negative, _number(0)), _load(b, real, _number(0))

        def change(t: Value) -> tuple[Value, Value]:
            unit, new = b.load(b.gep(units, [t])), _load(b, signs, t)
            old = _load(b, current, unit)
            _store(b, new, current, unit)
            return b.xor(new, old), b.not_(new)

        def write(t: Value, sign: Value) -> None:
            different = b.and_(b.xor(sign, expected), valid)
            b.store(b.call(total, [popcounts(b, different)]), b.gep(wrong, [t]))

        def two(t: Value, state: list[Value]) -> list[Value]:
            following = b.add(t, _number(1))
            (moving, up), (then, to) = change(t), change(following)
            *both, state = _two_steps(b, state, (moving, then), (up, to))
            write(t, both[0])
            write(following, both[1])
            return state

        def one(t: Value, state: list[Value]) -> list[Value]:
            state = _step(b, state, *change(t))
            write(t, state[-1])
            return state

        _through(b, n, planes, _number(0), steps, {2: two, 1: one})
        return context.get_dummy_value()

    return types.void(units, signs, current, n, planes, negative, real, wrong), codegen


@intrinsic
def window(typing_context: Any, planes: Any, n: Any, edges: Any, inside: Any) -> Any:
    """inside (WIDTH,) <- where a counter lies between two numbers, both included.

    planes (n, WIDTH); edges (2, n, WIDTH): the digits of both numbers as words of all ones or all zeros, with the sign
    digit and the whole lower number inverted (`algorithms.training._edges`). Both comparisons go digit by digit, from
    the lowest: a higher digit decides, and where it is equal the decision so far stands, which is a full adder's carry.
    Cost 8 n operations, or 2 n of three operands, and 3 n loads.
    """

    def codegen(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        planes, n, edges, inside = pointers(context, b, signature, arguments)
        for count in _cases(b, n):
            above = below = _ONES
            for j in range(count):
                digit = _load(b, planes, _number(j))
                if j == count - 1:  # the sign counts the other way round
                    digit = b.not_(digit)
                low, high = _load(b, edges, _number(j)), _load(b, edges, _number(count + j))
                above = _carry(b, digit, above, low)
                below = _carry(b, b.not_(digit), below, high)
            _store(b, b.and_(above, below), inside, _number(0))
        return context.get_dummy_value()

    return types.void(planes, n, edges, inside), codegen


def _carry(b: Builder, x: Value, y: Value, z: Value) -> Value:
    """1 where at least two of three bits are 1."""
    return b.or_(b.and_(x, y), b.and_(z, b.xor(x, y)))
