#!/usr/bin/env python3
"""How near the default task's noise floor of 0.01 the networks come: a table for the guide.

    cargo build --release && python3 benches/floor.py [SEEDS [TAPER]]

Each row is the errors of 4 folds under each of the seeds 1 to SEEDS (10); TAPER is the binary. It needs nothing but
Python's own library.
"""

import json
import statistics
import subprocess
import sys
import tempfile

# What is in each row beside the default recipe.
ROWS = [
    ("**the default recipe, `injection`**", ""),
    ("`--recipe seed`, the exercise", "--recipe seed"),
    ("Blocks", None),
    ("plain", "--block plain"),
    ("residual", "--block residual"),
    ("plain, linear skip", "--block plain --skip"),
    ("linear skip", "--skip"),
    ("cos layers", "--layer cos"),
    ("silu", "--activation silu"),
    ("mish", "--activation mish"),
    ("gelu", "--activation gelu"),
    ("dropout 0.1", "--dropout 0.1"),
    ("Norms", None),
    ("rms norm", "--norm rms"),
    ("layer norm", "--norm layer"),
    ("batch norm", "--norm batch"),
    ("rms norm, residual", "--norm rms --block residual"),
    ("Depths in training", None),
    ("always 1", "--max-depth 1"),
    ("always 2", "--min-depth 2 --max-depth 2"),
    ("always 4", "--min-depth 4"),
    ("1 to 4, Poisson", "--depths poisson"),
    ("all at once", "--depths all"),
    ("learned, for all rows", "--halting shared"),
    ("the same, down to 4", "--halting shared --exit 1"),
    ("learned, for each row", "--halting adaptive"),
    ("the same, down to 4", "--halting adaptive --exit 1"),
    ("Schedules, clipping, decay", None),
    ("constant 1e-3", "--schedule constant --lr 1e-3"),
    ("linear", "--schedule linear"),
    ("cosine", "--schedule cosine"),
    ("step", "--schedule step"),
    ("cos-log4", "--schedule cos-log4"),
    ("plateau, a tenth for validation", "--schedule plateau --validation 0.1"),
    ("one-cycle to 0.01", "--lr 1e-2"),
    ("one-cycle to 0.03", "--lr 3e-2"),
    ("not clipped", "--clip-norm 0"),
    ("values clipped at 0.1", "--clip-norm 0 --clip-value 0.1"),
    ("no decay", "--weight-decay 0"),
    ("decay 0.05", "--weight-decay 0.05"),
    ("L2 of 1e-3 for decay", "--weight-decay 0 --l2 1e-3"),
    ("L1 of 1e-2 for decay", "--weight-decay 0 --l1 1e-2"),
    ("average of decay 0.99", "--averaging 0.99"),
    ("a tenth for validation, the best epoch", "--validation 0.1"),
    ("the same, and a refit", "--validation 0.1 --select refit"),
    ("Losses", None),
    ("mae", "--loss mae"),
    ("huber", "--loss huber"),
]


def run(taper, seed, flags):
    call = [taper, "cv", "-q", "--json", "--seed", str(seed), *flags.split()]
    return json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout)


def flops(taper, flags):
    """The floating-point operations of a training step of 64 rows, the mean over the depths."""
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model.safetensors"
        call = [taper, "train", "-q", "--rows", "256", "--epochs", "1", "--model", model, *flags.split()]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
        call = [taper, "inspect", model, "--plan", "--json"]
        plans = json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout)
    return statistics.mean(plan["flops"] for plan in plans if plan["name"] != "prediction")


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    taper = sys.argv[2] if len(sys.argv) > 2 else "target/release/taper"
    print("| | median | range | Mflop a step | seconds |\n|---|---|---|---|---|")
    for name, flags in ROWS:
        if flags is None:
            print(f"| *{name}* | | | | |")
            continue
        runs = [run(taper, seed, flags) for seed in range(1, seeds + 1)]
        errors = [fold["mse"] for run in runs for fold in run["folds"]]
        seconds = statistics.median(run["seconds"] for run in runs)
        middle, low, high = statistics.median(errors), min(errors), max(errors)
        # A model does not tell that its steps had all depths.
        work = "" if "--depths all" in flags else f"{flops(taper, flags) / 1e6:.2f}"
        print(f"| {name} | {middle:.5f} | {low:.5f} to {high:.5f} | {work} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
