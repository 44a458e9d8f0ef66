"""Vectors of float32 as LLVM knows them: the dozen instructions that the tiles are written in.

Numba turns a loop into vector instructions where it can prove that this is allowed, and cannot be told which values to
keep in registers. A matrix product lives on exactly that. So the tiles are written with numba's `@intrinsic`: a
function that emits LLVM instructions for the place of its call. Each function here emits one instruction, or a few; `b`
is the builder that they are appended to, `lanes` how many numbers a vector has. Where registers are narrower LLVM
splits the vectors: right, but slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

FLOAT, INT, INDEX = ir.FloatType(), ir.IntType(64), ir.IntType(32)
UNALIGNED = 4  # bytes: all that is known of an address. An aligned one is faster without being told.
LINE = 16  # float32 in a line of the cache
QUARTET = 4  # lanes that shuffles move among freely on every processor: 128 bits

Value = Any  # an LLVM value: what an instruction gives, and the next one takes


def vector(lanes: int) -> Any:
    """The type of a vector."""
    return ir.VectorType(FLOAT, lanes)


def zero(lanes: int) -> Value:
    """Zeros in all lanes."""
    return ir.Constant(vector(lanes), [0.0] * lanes)


def call(b: Any, name: str, result: Any, *arguments: Value) -> Value:
    """Call one of LLVM's own functions, declared in the module if it is not yet."""
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return b.call(cgutils.get_or_insert_function(b.module, kind, name), arguments)


def at(b: Any, pointer: Value, entries: Value) -> Value:
    """The address so many entries further on."""
    return b.gep(pointer, [entries])


def fma(b: Any, x: Value, y: Value, total: Value) -> Value:
    """x * y + total with one rounding, in all lanes at once: the only arithmetic of a product."""
    return call(b, f"llvm.fma.v{x.type.count}f32", x.type, x, y, total)


def load(b: Any, pointer: Value, lanes: int) -> Value:
    """So many neighbours."""
    value = b.load(b.bitcast(pointer, vector(lanes).as_pointer()))
    value.align = UNALIGNED
    return value


def store(b: Any, value: Value, pointer: Value) -> None:
    """Write neighbours."""
    b.store(value, b.bitcast(pointer, value.type.as_pointer())).align = UNALIGNED


def load_some(b: Any, pointer: Value, mask: Value) -> Value:
    """Neighbours where the mask is set, zeros elsewhere; what is not set is not touched, so it may lie outside."""
    lanes = mask.type.count
    where = b.bitcast(pointer, vector(lanes).as_pointer())
    return call(b, f"llvm.masked.load.v{lanes}f32.p0", vector(lanes), where, INDEX(UNALIGNED), mask, zero(lanes))


def store_some(b: Any, value: Value, pointer: Value, mask: Value) -> None:
    """Write where the mask is set."""
    where = b.bitcast(pointer, value.type.as_pointer())
    name = f"llvm.masked.store.v{value.type.count}f32.p0"
    call(b, name, ir.VoidType(), value, where, INDEX(UNALIGNED), mask)


def fetch_to_write(b: Any, pointer: Value) -> None:
    """Ask for the line of the cache at an address, which will be written to; nothing waits for it."""
    _fetch(b, pointer, INDEX(1))


def fetch_to_read(b: Any, pointer: Value) -> None:
    """Ask for the line of the cache at an address, which will be read; nothing waits for it, wherever it lies."""
    _fetch(b, pointer, INDEX(0))


def _fetch(b: Any, pointer: Value, writes: Value) -> None:
    where, keep, data = b.bitcast(pointer, ir.IntType(8).as_pointer()), INDEX(3), INDEX(1)
    call(b, "llvm.prefetch.p0", ir.VoidType(), where, writes, keep, data)


def copies(b: Any, x: Value, lanes: int) -> Value:
    """One number in all lanes."""
    first = b.insert_element(ir.Constant(ir.VectorType(x.type, lanes), ir.Undefined), x, INDEX(0))
    return b.shuffle_vector(first, first, ir.Constant(ir.VectorType(INDEX, lanes), [0] * lanes))


def lanes_below(b: Any, n: Value, lanes: int) -> Value:
    """The mask of the first n lanes: all of them if there are no more, none if n <= 0."""
    return b.icmp_signed("<", ir.Constant(ir.VectorType(INT, lanes), list(range(lanes))), copies(b, n, lanes))


def bits_of_others(b: Any, x: Value) -> Value:
    """An integer with a bit for each lane: 1 where it is not zero. NaN is not, -0 is."""
    return b.bitcast(b.fcmp_unordered("!=", x, zero(x.type.count)), ir.IntType(x.type.count))


def pick(b: Any, x: Value, y: Value, lanes: Sequence[int]) -> Value:
    """The given lanes of x, counted from 0, and of y, counted on from x's last."""
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(INDEX, len(lanes)), list(lanes)))


def side_by_side(b: Any, vectors: Sequence[Value]) -> Value:
    """Two, four or eight vectors as one."""
    vectors = list(vectors)
    while len(vectors) > 1:
        both = range(2 * vectors[0].type.count)
        vectors = [pick(b, x, y, both) for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
    return vectors[0]


def turned(b: Any, rows: Sequence[Value]) -> list[Value]:
    """Four vectors of quartets, each 4 by 4 of the same place turned: lane q of vector r goes to lane r of vector q."""
    lanes = rows[0].type.count
    starts = range(0, lanes, QUARTET)

    def shuffle(x: Value, y: Value, quartet: tuple[int, ...]) -> Value:
        """In every quartet the given lanes: 0 to 3 of x, 4 to 7 of y."""
        return pick(b, x, y, [s + n if n < QUARTET else lanes + s + n - QUARTET for s in starts for n in quartet])

    ends = []
    for alternating in ((0, 4, 1, 5), (2, 6, 3, 7)):
        first, second = (shuffle(x, y, alternating) for x, y in ((rows[0], rows[1]), (rows[2], rows[3])))
        ends += [shuffle(first, second, (0, 1, 4, 5)), shuffle(first, second, (2, 3, 6, 7))]
    return ends


def smaller(b: Any, x: Value, y: Value) -> Value:
    """The smaller of two integers."""
    return b.select(b.icmp_signed("<", x, y), x, y)
