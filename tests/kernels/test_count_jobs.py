"""The likelihoods of counts as jobs of the team: what the references compute, to the last bit for any threads."""

import numpy as np
import pytest

from npvae import kernels, ops
from npvae.kernels import count_jobs
from npvae.kernels.counts import WIDTH
from npvae.kernels.team import pools

SHAPES = [(129, 400), (3, 40_000), (900, 64)]  # some pieces, samples larger than one, a last piece that is smaller


@pytest.mark.skipif(pools.PRODUCTS != "tiles", reason="here the caller computes alone")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.02, 0.7, 1.0], ids=["few", "many", "all"])
@pytest.mark.parametrize("name", ["poisson_nll", "negative_binomial_nll", "negative_binomial_nll of each entry"])
def test_in_pieces_it_is_the_reference_and_the_same_bits_for_any_number_of_threads(name, share, shape):
    rng = np.random.default_rng(0)
    counts = np.where(rng.random(shape) < share, 1 + rng.poisson(3, shape), 0)
    counts[0, :3] = 0, 1e5, 2_000  # beyond the counts that are looked up
    a = rng.standard_normal(shape)
    log_r = rng.standard_normal(shape if name.endswith("entry") else shape[1:])
    inputs = (a, counts) if name == "poisson_nll" else (a, log_r, counts)
    inputs, op = [v.astype(np.float32) for v in inputs], name.split()[0]
    dnll = rng.standard_normal(len(a)).astype(np.float32)

    wanted, cache = getattr(ops, f"{op}_forward")(*(v.astype(float) for v in inputs))
    slopes = getattr(ops, f"{op}_backward")(dnll.astype(float), cache)
    before, results = pools.team.threads, []
    try:
        for threads in (1, 2, 3):
            pools.team.resize(threads)
            nll, cache = getattr(kernels, f"{op}_forward")(*inputs)
            found = getattr(kernels, f"{op}_backward")(dnll, cache)
            results.append([nll, *(found if isinstance(found, tuple) else [found])])
    finally:
        pools.team.resize(before)
    slopes = slopes if isinstance(slopes, tuple) else (slopes,)
    for found, exact in zip(results[0], [wanted, *slopes], strict=True):
        np.testing.assert_allclose(found, exact, rtol=2e-5, atol=2e-6 * np.abs(exact).max())
    for other in results[1:]:
        assert all(found.tobytes() == same.tobytes() for found, same in zip(results[0], other, strict=True))


@pytest.mark.parametrize("some", [0, 1, WIDTH - 1, WIDTH, WIDTH + 1, 2 * WIDTH, 2 * WIDTH + 1])
def test_a_row_with_about_as_many_counts_as_are_gathered_at_a_time(some):
    rng = np.random.default_rng(some)
    x = np.zeros((2, 3 * WIDTH))
    x[1, rng.permutation(3 * WIDTH)[:some]] = rng.integers(1, 9, some)
    a, log_r = rng.standard_normal(x.shape), rng.standard_normal(x.shape[1])
    for name, inputs in (("poisson_nll", (a, x)), ("negative_binomial_nll", (a, log_r, x))):
        found, _ = getattr(kernels, f"{name}_forward")(*inputs)
        wanted, _ = getattr(ops, f"{name}_forward")(*inputs)
        np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_pieces_are_whole_samples_and_cover_all_of_them():
    for samples, features in ((1, 1), (7, 10_000), (129, 400), (4, 100_000)):
        plan = count_jobs.plan_of(np.empty((samples, features), np.float32), {})
        pieces = count_jobs.pieces_of(plan)
        assert (pieces - 1) * plan[count_jobs.HEIGHT] < samples <= pieces * plan[count_jobs.HEIGHT]
        assert plan[count_jobs.HEIGHT] * features <= max(features, count_jobs.PIECE)
