"""`npvae audit-loss`: which beta and which variance a VAE loss really optimises, and what its number means in nats."""

from __future__ import annotations

import argparse

DESCRIPTION = "Which beta and which variance a VAE loss really optimises, and what its number means in nats."
EXAMPLES = """examples:
  mean-squared error over everything, a small weight on a summed KL
    npvae audit-loss --likelihood squared_error --no-half --pixels mean --kl-weight 0.00025 -D 784 -L 20 -N 128
  cross-entropy averaged over everything (reduction="mean"), KL summed over latents and averaged over the batch
    npvae audit-loss --pixels mean -D 784 -L 20 -N 128
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `npvae audit-loss`."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    from npvae.audit import IN_NATS, REDUCTIONS, SQUARES

    parser.add_argument("--likelihood", choices=(*SQUARES, *IN_NATS), default="bernoulli", help="default: bernoulli")
    parser.add_argument("-D", "--data-dim", type=int, required=True, help="pixels of an image")
    parser.add_argument("-L", "--latent-dim", type=int, required=True, help="latents")
    parser.add_argument("-N", "--batch-size", type=int, required=True, help="samples of a batch")
    for name, default, what in (
        ("--pixels", "sum", "the reconstruction over pixels"),
        ("--latents", "sum", "the KL over latents"),
        ("--batch", "mean", "both terms over the batch"),
        ("--kl-batch", None, "the KL over the batch, if otherwise than --batch"),
    ):
        parser.add_argument(name, choices=REDUCTIONS, default=default, help=f"how the loss reduces {what}")
    parser.add_argument("--kl-weight", type=float, default=1.0, metavar="W", help="factor before the KL")
    parser.add_argument(
        "--reconstruction-weight", type=float, default=1.0, metavar="W", help="factor before the reconstruction"
    )
    parser.add_argument("--no-half", action="store_true", help="squared_error: (x_hat - x)**2 without / 2")
    parser.add_argument("--variance", type=float, default=1.0, help="gaussian_fixed: its variance")
    parser.add_argument("--loss", type=float, help="a printed loss, to be read in nats")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Audit and print."""
    from npvae.as_json import as_json
    from npvae.audit import audit_loss

    audit = audit_loss(
        args.likelihood,
        data_dim=args.data_dim,
        latent_dim=args.latent_dim,
        batch_size=args.batch_size,
        pixels=args.pixels,
        latents=args.latents,
        batch=args.batch,
        kl_batch=args.kl_batch,
        kl_weight=args.kl_weight,
        reconstruction_weight=args.reconstruction_weight,
        half=not args.no_half,
        variance=args.variance,
    )
    if args.json:
        nats = {} if args.loss is None else {"loss": args.loss, "nats": audit.nats(args.loss)}
        print(as_json(audit.to_dict() | nats))
        return 0
    print(audit)
    if args.loss is not None:
        print(f"{'':14}a printed loss of {args.loss:g} is {audit.nats(args.loss):.4f} nats per sample")
    return 0
