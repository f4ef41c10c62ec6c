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

ROWS = [
    ("the exercise", "--recipe seed"),
    ("plain, one-cycle to 0.01", "--schedule one-cycle --lr 1e-2"),
    ("plain, cosine from 0.01", "--schedule cosine --lr 1e-2"),
    ("plain, linear from 0.01", "--schedule linear --lr 1e-2"),
    ("plain, steps from 0.01", "--schedule step --lr 1e-2"),
    ("plain, cos-log4 to 0.01", "--schedule cos-log4 --lr 1e-2"),
    ("residual, one-cycle to 0.01", "--block residual --schedule one-cycle --lr 1e-2"),
    ("injection, one-cycle to 0.01", "--block injection --schedule one-cycle --lr 1e-2"),
    ("injection, one-cycle to 0.02", "--block injection --schedule one-cycle --lr 2e-2"),
    ("**`--recipe injection`**: to 0.02, decay 0.05", "--recipe injection"),
    ("the same, plain", "--recipe injection --block plain"),
    ("the same, residual", "--recipe injection --block residual"),
    ("the same, always depth 1", "--recipe injection --max-depth 1"),
    ("the same, always depth 4", "--recipe injection --min-depth 4"),
]


def run(taper, seed, flags):
    call = [taper, "cv", "-q", "--json", "--seed", str(seed), *flags.split()]
    return json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout)


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    taper = sys.argv[2] if len(sys.argv) > 2 else "target/release/taper"
    print("| block, rate | median | range | seconds |\n|---|---|---|---|")
    for name, flags in ROWS:
        runs = [run(taper, seed, flags) for seed in range(1, seeds + 1)]
        errors = [fold["mse"] for run in runs for fold in run["folds"]]
        seconds = statistics.median(run["seconds"] for run in runs)
        print(
            f"| {name} | {statistics.median(errors):.5f} | {min(errors):.5f} to {max(errors):.5f} | {seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
