"""`npvae gradcheck` with nothing named checks every op and every model of npvae."""

from npvae.cli import main
from npvae.models import LIKELIHOODS, MODELS
from npvae.ops import OPS


def test_every_op_and_every_model_is_in_the_listing_and_agrees(capsys):
    assert main(["gradcheck", "--level", "smoke"]) == 0
    out = capsys.readouterr().out
    for name in (*MODELS, *LIKELIHOODS, *(op.name for op in OPS), "d/dlogvar", "vae bernoulli"):
        assert name in out
    assert out.rstrip().endswith("all agree")
