"""Do several processes end where one does, what do they gain on this machine, and what does the all-reduce cost?

First the gradient of one batch, by all processes and by one. Then ten epochs of 784-400-(20)-400-784 on MNIST, batch
128 in all, with 1, 2 and 4 processes that share the cores. Printed: the largest relative difference of the gradient,
the losses at the end, seconds per epoch, and of a step the milliseconds for computing and for the all-reduce of the
652,824 gradients (medians). The exit code is 1 if a gradient differs by more than 1e-6, or a loss by more than 0.5.

    python benchmarks/speed/several_processes.py [--data-dir FOLDER] [--epochs E] [--quick]  (--quick: digits, 2 epochs)

Measured once on 2 cores that had other work to do (load 7), MNIST, ten epochs:

    P  gradient    train     test  s an epoch  ms computing  ms all-reduce
    1   0.0e+00  106.348  105.563        4.34          6.85           0.00       (2 threads; else 1 thread a process)
    2   3.7e-07  106.338  105.606        6.46          7.48           3.88
    4   3.1e-07  106.347  105.577       12.12          9.88          12.51       (twice as many processes as cores)

So on one machine threads are the better use of cores. The losses differ by what float32's rounding grows to in 4,690
steps; two seeds differ by ten times as much.

On paper, for machines that are not at hand. A ring all-reduce of S bytes over P processes sends 2 (P - 1) / P * S from
each, whatever P is, in 2 (P - 1) messages; by recursive halving and doubling they are 2 log2(P). With S = 2.6 MB, a
network of 10 Gbit/s (1.25 GB/s, 20 us a message) or of 100 Gbit/s (12.5 GB/s, 2 us), and one process a machine:

    P                                        10       100      1,000
    sent by each process, MB                 4.7      5.2      5.2
    10 Gbit/s, halving and doubling, ms      3.9      4.4      4.6
    10 Gbit/s, ring, ms                      4.1      8.1     44
    100 Gbit/s, halving and doubling, ms     0.4      0.4      0.5
    noise for the whole batch, ms            0.3      3       26     (P * 128 * 20 draws at 10 ns, on every process)

Against about 4 ms for a step of 128 samples a process: on 10 Gbit/s half of the time is communication from P = 2 on,
so P processes do the work of P / 2; on 100 Gbit/s a tenth. At 1,000 the noise that every process draws for all of them
costs more than both, and a batch of 128,000 is more than MNIST has: this design is for tens of processes.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path


def worker(args):
    """What each process does; process 0 prints one line of JSON."""
    import numpy as np
    from mpi4py import MPI

    import npvae
    from npvae.steps import Step
    from npvae.training.processes import Processes

    comm, processes = MPI.COMM_WORLD, Processes(MPI.COMM_WORLD)
    train, test = processes.in_turn(lambda: npvae.data.load_dataset(args.dataset, args.data_dir))
    model = npvae.VAE(train.shape[1], (400,), 20)
    rng = np.random.default_rng(0)
    x, eps = train[:128], model.draw_eps(128, rng)
    _, trace = model.forward(x, eps)
    alone = model.backward(trace).flat.copy()
    x, eps = processes.share(x), processes.share(eps)
    _, trace = model.forward(x, eps)
    grads = model.backward(trace)
    processes.average(grads, 128)
    difference = float(np.abs(grads.flat - alone).max() / np.abs(alone).max())

    npvae.train(model, train, test, epochs=args.epochs, progress=False, comm=comm)
    row = model.history[-1]
    seconds = sorted(row["seconds"] for row in model.history)[args.epochs // 2]

    step, computing, reducing = Step(model, len(x)), [], []
    adam = npvae.Adam(model.params)
    for _ in range(60):
        comm.Barrier()
        start = time.perf_counter()
        _, trace = step.forward(x, eps)
        grads = step.backward(trace)
        adam.step(grads)
        comm.Barrier()
        middle = time.perf_counter()
        processes.average(grads, 128)
        end = time.perf_counter()
        computing.append(1000 * (middle - start))
        reducing.append(1000 * (end - middle))
    if processes.rank == 0:
        losses = {"train": row["train_loss"], "test": row["test_loss"], "seconds": seconds, "difference": difference}
        print(json.dumps(losses | {"step": float(np.median(computing)), "reduce": float(np.median(reducing))}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.dataset, args.data_dir, args.epochs = "digits", None, 2
    if args.worker:
        from npvae.cli.mpiexec import share_cores

        share_cores()
        worker(args)
        return 0
    mpiexec = Path(sys.executable).with_name("mpiexec")
    options = ["--epochs", str(args.epochs), "--dataset", args.dataset, "--worker"]
    options += ["--data-dir", str(args.data_dir)] if args.data_dir else []
    rows = {}
    print(" P  gradient    train     test  s an epoch  ms computing  ms all-reduce")
    for size in (1, 2, 4):
        command = [mpiexec if mpiexec.exists() else "mpiexec", "-n", str(size), sys.executable, __file__, *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return 1
        row = rows[size] = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{size:>2} {row['difference']:>9.1e} {row['train']:>8.3f} {row['test']:>8.3f} {row['seconds']:>11.2f}"
            f" {row['step']:>13.2f} {row['reduce']:>14.2f}",
            flush=True,
        )
    apart = max(abs(row["test"] - rows[1]["test"]) for row in rows.values())
    return int(apart > 0.5 or max(row["difference"] for row in rows.values()) > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
