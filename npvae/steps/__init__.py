"""How a step is computed: the model's own lines over reused buffers, or one compiled function each way."""

from npvae.steps.step import Step

__all__ = ["Step"]
