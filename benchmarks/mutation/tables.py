"""Tables of `run.py`: which tests look at which file, and which survivors are no mistakes."""

from __future__ import annotations

# How kernels run in a stage of tests.
PLAIN = "as plain Python"
CACHED = "as machine code of the originals, from a cache: for files that hold no kernels"
AFRESH = "as machine code of the edited source, from a cache that is emptied before every mutant"

NAMES = "equality jit multiply optimizers polynomials twins"
EQUALITY, JIT, MULTIPLY, OPTIMIZERS, POLYNOMIALS, TWINS = (f"tests/kernels/test_{name}.py" for name in NAMES.split())
BUFFERS, COMPILED_VAE, STEP = (f"tests/steps/test_{name}.py" for name in ("buffers", "compiled_vae", "step"))
BLAS, JOBS, POOLS, TEAM = (f"tests/kernels/team/test_{name}.py" for name in ("blas", "jobs", "pools", "team"))
VALUES = ["tests/ops/test_pages.py", "tests/ops/test_values.py", "tests/ops/test_values_likelihoods.py"]
DOCTOR = "tests/cli/test_doctor.py"

Stage = tuple[str, ...]  # how kernels run, and the arguments of pytest; {name} is the name of the edited file
TESTS: dict[str, list[Stage]] = {
    "npvae/ops": [
        (CACHED, *VALUES, "-k", "{name}"),
        (CACHED, "tests/ops/test_gradients.py", "-k", "{name}"),
        (CACHED, *VALUES),
    ],
    "npvae/optim": [
        (CACHED, "tests/optim"),
        (CACHED, "tests/training/test_checkpoint.py", "tests/training/test_resume.py"),
    ],
    "npvae/training/checkpoint.py": [
        (CACHED, "tests/training/test_checkpoint.py"),
        (CACHED, "tests/training/test_resume.py"),
        (CACHED, "tests/training/test_run_folder.py", "tests/training/test_train.py"),
    ],
    "npvae/kernels/multiply.py": [(CACHED, MULTIPLY), (PLAIN, EQUALITY), (CACHED, JOBS, "-k", "ticket")],
    "npvae/kernels/epilogues.py": [(AFRESH, COMPILED_VAE)],
    "npvae/kernels/matmul": [(PLAIN, JOBS), (AFRESH, MULTIPLY), (AFRESH, JOBS, "-k", "pieces_of or every_job")],
    "npvae/kernels/zeros.py": [(AFRESH, "tests/kernels/test_zeros.py")],
    "npvae/kernels/processor.py": [(CACHED, "tests/kernels/test_processor.py")],
    "npvae/kernels/jit.py": [(AFRESH, JIT), (AFRESH, DOCTOR, "-k", "prints or advises")],
    "npvae/kernels/team/blas.py": [
        (CACHED, DOCTOR, BLAS, POOLS, "-k", "prints or advises or unknown or test_blas or follows or set_threads")
    ],
    "npvae/kernels/bernoulli_nll.py": [(PLAIN, EQUALITY, TWINS), (CACHED, TWINS)],
    "npvae/kernels/slopes.py": [(PLAIN, EQUALITY, TWINS), (CACHED, TWINS)],
    "npvae/kernels/team/team.py": [(CACHED, TEAM, POOLS), (CACHED, MULTIPLY)],
    "npvae/kernels/team/pools.py": [
        (CACHED, MULTIPLY, "-k", "tiles_are or environment"),
        (CACHED, OPTIMIZERS, TWINS),
        (CACHED, POOLS, TEAM),
    ],
    "npvae/kernels/warmup.py": [(CACHED, DOCTOR, "-k", "warmup")],
    "npvae/steps/mlp.py": [(AFRESH, COMPILED_VAE)],
    "npvae/steps/compiled_vae.py": [(AFRESH, COMPILED_VAE)],
    "npvae/steps/buffers.py": [(PLAIN, BUFFERS), (CACHED, COMPILED_VAE)],
    "npvae/steps/step.py": [(CACHED, STEP, COMPILED_VAE), (PLAIN, BUFFERS)],
    "npvae/kernels/polynomials.py": [(PLAIN, POLYNOMIALS), (PLAIN, EQUALITY), (AFRESH, POLYNOMIALS)],
    "npvae/kernels/optimizers.py": [(PLAIN, OPTIMIZERS, TWINS), (CACHED, OPTIMIZERS)],
    "npvae/kernels/updates.py": [(PLAIN, OPTIMIZERS, TWINS), (AFRESH, OPTIMIZERS)],
    **{
        f"npvae/kernels/team/{name}.py": [
            (AFRESH, JOBS, MULTIPLY),
            (AFRESH, TEAM, POOLS),
            (AFRESH, OPTIMIZERS),
        ]
        for name in ("atomics", "jobs", "pieces")
    },
    "npvae/kernels": [(PLAIN, EQUALITY, TWINS), (PLAIN, BUFFERS)],
}
"""For files under each path, the first that fits: stages of tests, run until one fails."""

PLANTED = {
    "npvae/kernels/gaussian_kl.py": ("kl[n] = half * total", "kl[n] = total", "noticed"),
    "npvae/kernels/multiply.py": ("b.T if b_turned else b, out", "b, out", "noticed"),
    "npvae/kernels/matmul/tiles.py": ("bb.mul(k, a_k)", "bb.add(k, a_k)", "noticed"),
    "npvae/kernels/jit.py": ("super().save_overload(sig, data)", "pass", "noticed"),  # seen by programs that it starts
    "npvae/kernels/team/jobs.py": ("read(state, DONE) < pieces", "read(state, DONE) <= pieces", "hung"),
}
"""A mistake for every way of running kernels and one that never ends: what stands there, what is put there, verdict."""

NO_MISTAKES = {
    # npvae/ops: the border between two branches that agree there, and entries that np.where does not take
    "np.where(x > 0, 1, e) / (1 + e)": "both branches are 1/2 at 0",
    "np.where(x > 0, e, 1) / (1 + e)": "both branches are 1/2 at 0",
    "np.where(logits > 0, 1, e) / (1 + e)": "both branches are 1/2 at 0",
    "np.where(x > floor, 1, e) / (1 + e)": "both branches are 1/2 at the floor",
    "np.where(x >= 0, x, alpha": "both branches are 0 at 0",
    "np.minimum(x, 1)": "only entries x <= 0 of this branch are taken",
    "near = np.where(t < 0.5, t, 1)": "the entries put in are not taken",
    "near = np.where(t <= 0.5, t, 0)": "the entry let in is not taken",
    "near = np.where(t < 1.5, t, 0)": "the entries let in are not taken",
    "far = np.where(t < 0.5, 2, t)": "the entries put in are not taken",
    "far = np.where(t <= 0.5, 1, t)": "formula and series agree at the border",
    "odd = np.where(t <= 0.5, near": "formula and series agree at the border",
    "sum(axis=(2, 1))": "a sum over the same two axes",
    "np.take_along_axis(logits, labels[:, :, np.newaxis])": "the last axis is the default since NumPy 2.3",
    "op.backward(np.ones(2), cache)": "an oracle's array, of which one entry is read",
    "dmu = dz / 1": "the same as times 1",
    "zip(symbols, shape, strict=False)": "lengths that were compared before",
    "zip(symbols, shape))": "lengths that were compared before",
    "zip(symbols, shape):": "lengths that were compared before",
    "zip(op.args, arrays, strict=False)": "lengths that were compared in the loop above",
    "zip(op.args, arrays))": "lengths that were compared in the loop above",
    "zip(op.args.items(), arrays, strict=False)": "the zip below it makes the same complaint",
    "zip(op.args.items(), arrays):": "the zip below it makes the same complaint",
    # npvae/kernels
    "larger if v > zero else": "both branches are 1/2 at 0",
    "larger if a > zero else": "both branches are 1/2 at 0",
    "one_minus_s = smaller if v > zero": "both branches are 1/2 at 0",
    "zero if v < zero else v": "0 either way",
    "zero if a < zero else a": "0 either way",
    "expm1(zero if v >= zero": "0 either way",
    "v if v >= zero else below": "0 either way",
    "one if v >= zero else below + one": "1 either way",
    "size if v > zero else -size": "size is 0 at 0",
    "_exp_parts(EXP_MIN if x <= EXP_MIN": "the same number",
    "FLOATS = (np.dtype(np.float64)": "it is only asked what is in it",
    "abs(g[i]) <= least": "another result for a single number, and that is nothing beside the epsilon",
    "abs(gi) <= least": "another result for a single number, and that is nothing beside the epsilon",
    "abs(mi) <= least": "another result for a single number, and that is nothing beside the epsilon",
    "vi <= least_m": "the same number",
    "RATES, LEAST = (8, 2)": "a length that is not looked at",
    "RATES, LEAST = (7, 3)": "a length that is not looked at",
    "BERNOULLI_PIECE = 32769": "pieces of any size give the same numbers",
    "ADAM_PIECE = 32769": "pieces of any size give the same numbers",
    "types.int64] * 4)": "numba looks at the arguments that are given",
    "types.int64] * 13": "numba looks at the arguments that are given",
    "types.int64] * 9": "numba looks at the arguments that are given",
    "ir.FunctionType(ir.IntType(33)": "a result that is not looked at",
    "without inc: with cgutils.for_range_slice": "counting upwards is the default",
    "vectors = (columns + LANES - 1) / LANES": "what is behind the point moves the border between two strips at most",
    "p.size + ADAM_PIECE + 1": "at a multiple of the size one piece more, which is empty",
    "head[:, sizes['L']:], head[:, :sizes['L']]": "two views of one layout",
    "block /= 2": "a power of two: the quotient is whole",
    "block / 2": "a power of two: the quotient is whole",
    "zip(vectors[::2], vectors[1::2]": "lengths that were made equal in the line above",
    "INTEGERS * 8 + 65": "a byte more than is needed to begin on a cache line",
    "INTEGERS * 9": "a few integers more at the end",
    "MAX_HELPERS + 2": "an integer more at the end",
    "MAX_HELPERS = 64": "one helper more, with an integer of its own",
    "ASLEEP = 41": "the integer after, of which there is one more at the end",
    "TICKET, DONE, STOP = (0, 9, 16)": "another integer of the same cache line",
    "TICKET, DONE, STOP = (1, 8, 16)": "another integer of the same cache line",
    "TICKET, DONE, STOP = (0, 8, 17)": "another integer of the same cache line",
    "self.state[STOP] = 2": "any number but 0 means stop",
    "HURRY = 100001": "a nanosecond more",
    "PATIENCE = 300001": "a nanosecond more",
    "waiting_since >= HURRY": "a nanosecond less",
    "quiet_for >= HURRY": "a nanosecond less",
    "quiet_for >= PATIENCE": "a nanosecond less",
    "(read(state, TICKET) >> 40) + 2 & FIELD": "another number than the one before",
    "(read(state, TICKET) >> 40) - 1 & FIELD": "another number than the one before",
    "startswith(('<', '_'))": "either of two",
    "helper.join(timeout=1)  ->": "patience with a helper that does not end",
    "for prefix in ('', 'scipy_')": "the order in which names are tried, of which a library has one",
    "bell = threading.Semaphore(1)": "a helper looks for work once more before its first sleep",
    "optimizers.adam_update(p, g, m, v, 1, 0.001, (0.9, 0.999), 1e-08)  ->": "any numbers compile the same",
    "optimizers.adagrad_update(p, g, v, 0.01, 1e-10)  ->": "any numbers compile the same",
    "SIZES = {'N': 8, 'I': 3, 'O': 4, 'D': 5, 'L': 2}  ->": "arrays of any size compile the same",
    "np.zeros((128, 64), np.float32), np.zeros((64, 64), np.float32))  ->": "arrays of any size compile the same",
    "in ((2, np.float32)": "arrays of any size compile the same",
    "(2, np.float64)": "arrays of any size compile the same",
    "dict(zip(op.params, values": "as many values as names",
    ".flags.writeable = read_only": "both come in turn",
    "for read_only in (False, True)": "both come in turn",
    "(np.float64, np.float32)": "both come in turn",
    "layers_of(params, 'encoder', N, 1, needs_dx=False)": "a number at the start that is not used",
    "np.cumsum([1, N * O": "a number before each layer that is not used",
    "params.flat.ctypes.data) / part.itemsize": "the quotient is whole",
    "left out: multiply(x, W, y)": "the product after it is the same job",
    "left out: multiply(x.T, y, W)": "the product before it is the same job",
    "if not TYPE_CHECKING": "an import that annotations alone need",
    "key in ('place', 'new')": "the order of keyword arguments",
    # npvae/optim
    "np.array(1, np.int64)": "a place that is written before it is read",
}
"""Survivors that do what the original does: a part of their line, and why."""
