"""Runs taper's default run and its operations in PyTorch and JAX too, and prints one table.

The run: 16,384 synthetic rows of 64 features, 4 folds, 25 epochs of batches of 64, hidden 32, a depth of 1 to 4 drawn in
each step, Adam at 1e-3; the mean squared error is that of the mean over the depths. PyTorch is eager, with whole tensors
in memory and its fused Adam; JAX compiles a scan over all steps of a fold. Each of them runs in a process of its own, one
after the other.

  step     the time of the fastest fold divided by its 4800 steps, so without what the first of JAX compiles; with the
           choice of the batches and the evaluation
  run      from the data to the errors of all folds: folds one after the other, but in taper as many side by side as
           threads; JAX's first fold compiles
  mse      the median over the folds; each program draws data and weights of its own
  x        how many times taper's fused engine's with as many threads

The operations: f32 tensors, forward without a graph, and where it says so with the backward; the fastest of many
repetitions; taper's as `cargo bench --bench ops` has measured them. Threads of JAX are the cores that its process may use.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STEPS = 25 * 192


def main():
    parser = argparse.ArgumentParser(
        prog="benches/peers/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of every random stream (default 1)")
    parser.add_argument("--only", choices=["run", "operations"], help="one half of the table")
    args = parser.parse_args()
    rows = [("what", "who", "threads", "step", "run", "mse", "step x", "run x")]
    threads = sorted({1, len(os.sched_getaffinity(0))})
    if args.only != "operations":
        say("cargo build --release")
        subprocess.run(["cargo", "build", "--release", "--quiet", "--locked"], check=True)
        for n in threads:
            rows += runs(args.seed, n)
    if args.only != "run":
        for n in threads:
            rows += operations(n)
    widths = [max(map(len, column)) for column in zip(*rows)]
    for i, row in enumerate(rows):
        cells = (cell.ljust(w) if j < 2 else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths)))
        print("|", " | ".join(cells), "|")
        if i == 0:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")


def runs(seed, threads):
    """The rows of the default run."""
    found = [
        ("taper, fused", taper(seed, threads, "fused")),
        ("taper, autograd", taper(seed, threads, "autograd")),
        ("PyTorch", peer("torch_peer.py", threads, "run", seed)),
        ("JAX", peer("jax_peer.py", threads, seed)),
    ]
    ours = found[0][1]
    for who, it in found:
        step, ratio = it["step"] / STEPS, it["step"] / ours["step"]
        times = f"{step * 1e6:.1f} us", f"{it['seconds']:.2f} s"
        yield "run", who, str(threads), *times, f"{it['mse']:.4f}", f"{ratio:.1f}", f"{it['seconds'] / ours['seconds']:.1f}"


def operations(threads):
    """The rows of the operations."""
    theirs, ours = peer("torch_peer.py", threads, "operations"), criterion(threads)
    for name, seconds in theirs.items():
        for who, it in [("taper", ours[name]), ("PyTorch", seconds)]:
            yield name, who, str(threads), f"{it * 1e6:.1f} us", "", "", f"{it / ours[name]:.2f}", ""


def taper(seed, threads, engine):
    """A run of the command."""
    report = json.loads(
        output(
            ["target/release/taper", "--json", "--quiet", "--device", "cpu", f"--seed={seed}"]
            + [f"--engine={engine}", f"--jobs={threads}"]
        )
    )
    fastest = min(fold["seconds"] for fold in report["folds"])
    mse = statistics.median(fold["mse"] for fold in report["folds"])
    return {"step": fastest, "seconds": report["seconds"], "mse": mse}


def criterion(threads):
    """The fastest sample of each operation, in seconds, under the names of the peers'."""
    baseline = f"peers-{threads}"
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads), "TAPER_BENCH_DEVICE": "cpu"}
    options = ["--save-baseline", baseline, "--noplot", "--warm-up-time", "0.5", "--measurement-time", "2"]
    wanted = r"forward/taper|maximum/forward\+backward/taper/2\^20"
    output(["cargo", "bench", "--quiet", "--locked", "--bench", "ops", "--", wanted, *options], environment)
    found = {}
    for path in Path("target/criterion").glob(f"**/{baseline}/benchmark.json"):
        bench = json.loads(path.read_text())
        sample = json.loads((path.parent / "sample.json").read_text())
        fastest = min(time / iterations for time, iterations in zip(sample["times"], sample["iters"]))
        found[f"{bench['group_id'].replace('/', ' ')}, {bench['value_str']}"] = fastest / 1e9
    return found


def peer(script, threads, *arguments):
    return json.loads(output([sys.executable, HERE / script, *map(str, (threads, *arguments))]))


def output(command, environment=None):
    say(" ".join(map(str, command)))
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, text=True).stdout


def say(what):
    print(f"== {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
