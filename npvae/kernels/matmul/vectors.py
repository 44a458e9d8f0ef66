"""Vectors of 16 float32 as LLVM knows them: the dozen instructions that the tiles are written in.

Numba turns a loop into vector instructions where it can prove that this is allowed, and cannot be told which values to
keep in registers. A matrix product lives on exactly that. So the tiles are written with numba's `@intrinsic`: a
function that emits LLVM instructions for the place of its call. Each function here emits one instruction, or a few; `b`
is the builder that they are appended to. Without 512-bit registers LLVM splits the vectors: right, but slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

LANES = 16  # float32 in a 512-bit register

FLOAT, INT, INDEX = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)
UNALIGNED = 4  # bytes: all that is known of an address. An aligned one is faster without being told.

Value = Any  # an LLVM value: what an instruction gives, and the next one takes


def call(b: Any, name: str, result: Any, *arguments: Value) -> Value:
    """Call one of LLVM's own functions, declared in the module if it is not yet."""
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return b.call(cgutils.get_or_insert_function(b.module, kind, name), arguments)


def at(b: Any, pointer: Value, entries: Value) -> Value:
    """The address so many entries further on."""
    return b.gep(pointer, [entries])


def fma(b: Any, x: Value, y: Value, total: Value) -> Value:
    """x * y + total with one rounding, 16 at once: the only arithmetic of a product."""
    return call(b, f"llvm.fma.v{LANES}f32", VECTOR, x, y, total)


def load(b: Any, pointer: Value) -> Value:
    """16 neighbours."""
    value = b.load(b.bitcast(pointer, VECTOR.as_pointer()))
    value.align = UNALIGNED
    return value


def store(b: Any, value: Value, pointer: Value) -> None:
    """Write 16 neighbours."""
    b.store(value, b.bitcast(pointer, VECTOR.as_pointer())).align = UNALIGNED


def load_some(b: Any, pointer: Value, mask: Value) -> Value:
    """Neighbours where the mask is set, zeros elsewhere; what is not set is not touched, so it may lie outside."""
    where = b.bitcast(pointer, VECTOR.as_pointer())
    return call(b, f"llvm.masked.load.v{LANES}f32.p0", VECTOR, where, INDEX(UNALIGNED), mask, ZERO)


def store_some(b: Any, value: Value, pointer: Value, mask: Value) -> None:
    """Write where the mask is set."""
    where = b.bitcast(pointer, VECTOR.as_pointer())
    call(b, f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), value, where, INDEX(UNALIGNED), mask)


def copies(b: Any, x: Value) -> Value:
    """One number in all 16 lanes."""
    first = b.insert_element(ir.Constant(ir.VectorType(x.type, LANES), ir.Undefined), x, INDEX(0))
    return b.shuffle_vector(first, first, ir.Constant(ir.VectorType(INDEX, LANES), [0] * LANES))


def lanes_below(b: Any, n: Value) -> Value:
    """The mask of the first n lanes: all of them if n >= 16, none if n <= 0."""
    return b.icmp_signed("<", ir.Constant(ir.VectorType(INT, LANES), list(range(LANES))), copies(b, n))


def sums(b: Any, vectors: Sequence[Value]) -> Value:
    """Up to 16 vectors -> one, whose lane i is the sum of all lanes of vector i.

    Two vectors are added half to half into one that holds both, in blocks of 8; two of those into blocks of 4, and so
    on: 3 instructions a pair, where summing each vector by itself would take 8 a vector.
    """
    vectors, block = list(vectors), LANES
    while block > 1:
        vectors += [ZERO] * (len(vectors) % 2)
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        low = [lane for lane in range(2 * LANES) if lane % block < block // 2]
        high = [lane for lane in range(2 * LANES) if lane % block >= block // 2]
        vectors = [b.fadd(_pick(b, x, y, low), _pick(b, x, y, high)) for x, y in pairs]
        block //= 2
    return vectors[0]


def _pick(b: Any, x: Value, y: Value, lanes: list[int]) -> Value:
    """The given lanes of x (0 to 15) and y (16 to 31)."""
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(INDEX, LANES), lanes))


def smaller(b: Any, x: Value, y: Value) -> Value:
    """The smaller of two integers."""
    return b.select(b.icmp_signed("<", x, y), x, y)
