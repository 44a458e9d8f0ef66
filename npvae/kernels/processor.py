"""How wide the vectors are that kernels are compiled for: the processor's, or narrower ones, to imitate another one.

    512 bits    AVX-512: 32 registers of 16 float32
    256 bits    AVX2 with FMA: 16 registers of 8
    128 bits    everything else, ARM's NEON among it

`NPVAE_VECTORS=256` in the environment compiles for a processor without AVX-512 on one that has it: whoever has the
wider one can see, test and time what everybody else gets. Imitation goes downwards only.
"""

from __future__ import annotations

import os

from llvmlite.binding import get_host_cpu_features
from numba.core import config
from numba.core.registry import cpu_target

NEEDS = {512: ("avx512f",), 256: ("avx2", "fma"), 128: ()}  # bits: features that a processor must have
WIDER_THAN_AVX2 = ("avx512", "avx10", "evex512", "amx")  # beginnings of the names of features


def compiled_features() -> dict[str, bool]:
    """The features that numba compiles for: the processor's, unless the environment tells numba to use fewer."""
    given = config.CPU_FEATURES  # type: ignore[attr-defined]
    if given is not None:
        return {name[1:]: name[0] == "+" for name in given.split(",") if name}
    allowed = bool(config.ENABLE_AVX)  # type: ignore[attr-defined]
    return {name: has and (allowed or not name.startswith("avx")) for name, has in get_host_cpu_features().items()}


def widest(features: dict[str, bool]) -> int:
    """The widest vectors that these features allow, in bits."""
    return next(bits for bits, needs in NEEDS.items() if all(features.get(name) for name in needs))


def chosen(native: int) -> int:
    """The width that NPVAE_VECTORS asks for, native if it asks for none; ValueError if there is none as wide."""
    wanted = os.environ.get("NPVAE_VECTORS", "")
    if wanted in ("", str(native)):
        return native
    narrower = [str(bits) for bits in NEEDS if 128 < bits < native]
    if wanted in narrower:
        return int(wanted)
    found = f"NPVAE_VECTORS is {wanted!r} in the environment"
    if wanted in ("256", "512"):
        raise ValueError(f"{found}, but vectors here have {native} bits: unset it, a wider processor is not imitated")
    raise ValueError(f"{found}, expected one of {', '.join((*narrower, str(native)))}: the bits of a vector")


def imitate(bits: int) -> None:
    """Compile everything from now on, also the user's own functions, without instructions wider than this.

    RuntimeError if numba has compiled something already: what it compiles for is then fixed.
    """
    if "_toplevel_target_context" in vars(cpu_target):
        raise RuntimeError(
            f"NPVAE_VECTORS={bits} comes too late, numba has compiled for wider vectors in this process: "
            "import npvae.kernels before the first call of a function of your own"
        )
    features = {name: has and not name.startswith(WIDER_THAN_AVX2) for name, has in compiled_features().items()}
    config.CPU_FEATURES = ",".join(f"{'+' if has else '-'}{name}" for name, has in features.items())  # type: ignore[attr-defined]


NATIVE = widest(compiled_features())
BITS = chosen(NATIVE)
if BITS < NATIVE:
    imitate(BITS)


def description() -> str:
    """The vectors in words: "512 bits (AVX-512)", "256 bits (AVX2), imitated on a processor of 512"."""
    name = {512: " (AVX-512)", 256: " (AVX2)", 128: ""}[BITS]
    return f"{BITS} bits{name}" + (f", imitated on a processor of {NATIVE}" if BITS < NATIVE else "")
