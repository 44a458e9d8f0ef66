"""First names, 30,033 to train on: a language model, and a sequence VAE with every remedy for posterior collapse.

GRU of 128 numbers each way, letters as 32 numbers, code of 16; Adam 2e-3, batch 128, 15 epochs, three seeds, float32.
Of every training the epoch with the lowest loss on 1,000 validation names is taken, with beta = 1 whatever it was in
training, and measured on 1,000 test names: the bound, -log p(x) by 200 importance samples, KL and active units. Beside
them counting (interpolated Witten-Bell, contexts of up to 7 letters), and PyTorch's language model, plain VAE and VAE
with free bits, trained in the same run. A letter is a prediction: the letters of a name, and its end.

15 % of the test names stand in training too; --different takes each name once.

    python benchmarks/reproduce/names.py [--different] [--epochs 15] [--seeds 1 2 3] [--no-torch] [--quick]
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from resumable import add_options, begin, machine, write_results

import npvae
from npvae.data.text import names_file, split_names
from npvae.evaluation import active_units
from npvae.evaluation.sequences import codes_of, log_p_of_sequences, nll_and_kl, per_letter
from npvae.models import LanguageModel, SequenceVAE

H, E, L, BATCH, LR, SAMPLES = 128, 32, 16, 128, 2e-3, 200
ORDERS = range(1, 9)
REMEDIES = {  # settings of the model, and how beta grows in a training of so many epochs
    "plain": ({}, lambda epochs: "constant"),
    "annealed": ({}, lambda epochs: f"linear:{epochs / 2:g}"),
    "cyclical": ({}, lambda epochs: f"cyclical:{epochs / 4:g}"),
    "free bits": ({"objective": "free_bits", "free_bits": 0.5}, lambda epochs: "constant"),
    "word dropout": ({"word_dropout": 0.3}, lambda epochs: "constant"),
    "inputless": ({"word_dropout": 1.0}, lambda epochs: "constant"),
}
IN_TORCH = ("language model", "plain", "free bits")


def counting(train, test, order):
    """Nats per letter of interpolated Witten-Bell counts of `order` symbols: order - 1 of context, and the next."""
    counts = defaultdict(lambda: defaultdict(int))
    for name in train[:]:
        symbols = f"\n{name}\n"
        for t in range(1, len(symbols)):
            for n in range(min(order, t + 1)):
                counts[symbols[t - n : t]][symbols[t]] += 1
    nats, letters = 0.0, 0
    for name in test[:]:
        symbols = f"\n{name}\n"
        for t in range(1, len(symbols)):
            p = 1 / 27
            for n in range(min(order, t + 1)):
                seen = counts.get(symbols[t - n : t])
                if seen is None:
                    break
                kinds = len(seen)
                p = (seen.get(symbols[t], 0) + kinds * p) / (sum(seen.values()) + kinds)
            nats, letters = nats - np.log(p), letters + 1
    return nats / letters


def with_npvae(name, parts, epochs, seed, run, clock):
    """The measures of one training, which goes on from where it was stopped; None if the time is over before that."""
    train, valid, test = parts
    if not (run / "checkpoint.npz").exists():
        sizes = {"hidden_dim": H, "embedding_dim": E, "seed": seed}
        settings, schedule = REMEDIES.get(name, ({}, lambda epochs: "constant"))
        kind, own = (SequenceVAE, {"latent_dim": L, **settings}) if name in REMEDIES else (LanguageModel, {})
        model = kind(train.alphabet, train.longest, **sizes, **own)
        options = {"batch_size": BATCH, "lr": LR, "seed": seed, "beta_schedule": schedule(epochs), "progress": False}
        npvae.train(model, train, None, x_valid=valid, epochs=1, out=run, **options)
    done = len(npvae.load(run).history)
    while done < epochs:
        if clock.over():
            return None
        done += 1
        npvae.resume(run, train, None, x_valid=valid, epochs=done, progress=False)
    model = npvae.load(run, best=True)
    rng = np.random.default_rng([seed, 1])
    nll, kl = nll_and_kl(model, test, rng)
    found = measures(nll, kl, test)
    if name in REMEDIES:
        log_p = log_p_of_sequences(model, test, rng, samples=SAMPLES).log_p
        found["-log p"] = per_letter(-log_p, test.lengths + 1)[0]
        found["active"] = int(active_units(codes_of(model, test)[0]).sum())
    return found | {"seconds": [row["seconds"] for row in model.history]}


def measures(nll, kl, test):
    """Nats per name and per letter from those of every name."""
    bound = per_letter(nll + kl, test.lengths + 1)[0]
    return {"nll": float(nll.mean()), "kl": float(kl.mean()), "bound": bound, "-log p": bound}


def with_torch(name, parts, epochs, seed):
    """The same model and training in PyTorch, its own weights, order and noise; the bound on the test names."""
    import copy
    import time

    import torch
    from torch import nn
    from torch.nn import functional as F
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(seed)
    torch.set_num_threads(int(os.environ.get("OPENBLAS_NUM_THREADS") or torch.get_num_threads()))
    C, latents = len(parts[0].alphabet) + 1, L if name in REMEDIES else 0
    free = REMEDIES[name][0].get("free_bits") if name in REMEDIES else None

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.write = nn.GRU(E, H, batch_first=True), nn.GRU(E + latents, H, batch_first=True)
            self.letters, self.told = nn.Embedding(C, E), nn.Embedding(C, E)
            self.out = nn.Linear(H, C)
            if latents:
                self.head, self.start = nn.Linear(H, 2 * latents), nn.Linear(latents, H)

        def forward(self, ids, lengths):
            N, T = ids.shape
            e, h0, kl = self.told(F.pad(ids, (1, 0))), torch.zeros(1, N, H), torch.zeros(N, latents)
            if latents:
                given = pack_padded_sequence(self.letters(ids), lengths, batch_first=True, enforce_sorted=False)
                mu, logvar = self.head(self.read(given)[1][0]).chunk(2, dim=1)
                z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
                kl = (logvar.exp() + mu**2 - 1 - logvar) / 2
                e = torch.cat([e, z[:, None].expand(-1, T + 1, -1)], dim=2)
                h0 = torch.tanh(self.start(z))[None]
            h, _ = pad_packed_sequence(
                self.write(pack_padded_sequence(e, lengths + 1, batch_first=True, enforce_sorted=False), h0)[0],
                batch_first=True,
            )
            nll = F.cross_entropy(self.out(h).transpose(1, 2), F.pad(ids, (0, 1)), reduction="none")
            is_letter = torch.arange(T + 1) <= lengths[:, None]
            return (nll * is_letter).sum(dim=1), kl

    def on(data):
        found = []
        with torch.no_grad():
            for start in range(0, len(data), 250):
                x = data.batch(slice(start, start + 250))
                nll, kl = twin(torch.from_numpy(x.ids), torch.from_numpy(x.lengths))
                found.append((nll.numpy(), kl.numpy()))
        return (np.concatenate(part).astype(float) for part in zip(*found, strict=True))

    def counted(kl):  # (N, L) -> nats per name
        return kl.mean(axis=0).clip(free).sum() if free is not None else kl.sum() / len(kl)

    train, valid, test = parts
    twin, rng, seconds, best = Twin(), np.random.default_rng(seed), [], (float("inf"), None)
    adam = torch.optim.Adam(twin.parameters(), lr=LR)
    for _ in range(epochs):
        begun = time.perf_counter()
        for x in npvae.minibatches(train, BATCH, rng):
            adam.zero_grad()
            nll, kl = twin(torch.from_numpy(x.ids), torch.from_numpy(x.lengths))
            (nll.mean() + counted(kl)).backward()
            adam.step()
        nll, kl = on(valid)
        loss = nll.mean() + counted(kl)
        if loss < best[0]:
            best = (loss, copy.deepcopy(twin.state_dict()))
        seconds.append(time.perf_counter() - begun)
    twin.load_state_dict(best[1])
    nll, kl = on(test)
    return measures(nll, kl.sum(axis=1), test) | {"seconds": seconds}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, "reproduce-names")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--different", action="store_true", help="each name once: no test name stands in training")
    parser.add_argument("--no-torch", action="store_true", help="npvae alone")
    args = parser.parse_args(argv)
    clock, folder = begin(args)
    folder = folder / ("each-name-once" if args.different else "as-they-are") / f"{args.epochs}-epochs"
    seeds, epochs = (args.seeds[:1], 2) if args.quick else (args.seeds, args.epochs)
    parts = split_names(names_file(None if args.data_dir is None else Path(args.data_dir)), different=args.different)
    names = ["language model", "plain", "free bits"] if args.quick else ["language model", *REMEDIES]
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"finished-{epochs}.json"
    finished = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    wanted = [(who, name, seed) for seed in seeds for name in names for who in ("npvae", "torch")]
    wanted = [one for one in wanted if one[0] == "npvae" or (one[1] in IN_TORCH and not args.no_torch)]
    for who, name, seed in wanted:
        key = f"{who} {name} {seed}"
        if key in finished or clock.over():
            continue
        if who == "npvae":
            found = with_npvae(name, parts, epochs, seed, folder / f"{name.replace(' ', '-')}-{seed}-{epochs}", clock)
        else:
            found = with_torch(name, parts, epochs, seed)
        if found is not None:
            finished[key] = found
            kept.write_text(json.dumps(finished), encoding="utf-8")
            print(f"{key}: bound {found['bound']:.4f} nats per letter, {np.median(found['seconds']):.1f} s an epoch")
    counts = {order: counting(parts[0], parts[2], order) for order in ORDERS}
    show(finished, names, seeds, counts, parts[2])
    missing = sum(f"{who} {name} {seed}" not in finished for who, name, seed in wanted)
    if missing:
        print(f"{missing} trainings are still to be done; the same command goes on")
    write_results(folder, epochs=epochs, counting=counts, finished=finished)
    return 0


def show(finished, names, seeds, counts, test):
    """One row for each model: means over seeds, ± their standard deviation."""
    print(f"\n{machine()}\n{len(test):,} test names, {(test.lengths + 1).mean():.3f} letters per name, with its end")
    print("counting, by order: " + ", ".join(f"{order}: {nats:.4f}" for order, nats in counts.items()))
    heads = ("bound", "-log p", "bound", "nll", "KL", "active units")
    print(f"{'':<22}{'nats per letter':>28}{'nats per name':>24}\n{'':<22}" + "".join(f"{head:>14}" for head in heads))
    for name in names:
        for who in ("npvae", "torch"):
            rows = [finished[f"{who} {name} {s}"] for s in seeds if f"{who} {name} {s}" in finished]
            if not rows:
                continue
            cells = [spread([row["bound"] for row in rows], 4)]
            cells.append(spread([row["-log p"] for row in rows], 4) if who == "npvae" else "")
            nll, kl = (np.array([row[key] for row in rows]) for key in ("nll", "kl"))
            cells += [spread(nats, 2) for nats in (nll + kl, nll, kl)]
            cells.append(" ".join(str(row["active"]) for row in rows) if "active" in rows[0] else "")
            label = name if who == "npvae" else "  the same in PyTorch"
            print(f"{label:<22}" + "".join(f"{cell:>14}" for cell in cells))


def spread(values, digits):
    """Mean ± standard deviation."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f}±{np.std(values, ddof=1):.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
