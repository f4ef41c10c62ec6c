"""Cross-validates taper and scikit-learn on real data, with the same folds and the same features, and prints one table.

Every seed divides the rows into 5 folds anew; all models are trained and tested on these folds. Text columns are one-hot,
and but for the trees features and target are scaled by their means and deviations over the training rows. No setting was
chosen by what it gives on a fold that is tested.

  rmse, r2   on the test rows, in the target's own unit; mean and standard deviation over all folds of all seeds
  x          the model's mean rmse over a seed's folds divided by that of taper with 200 epochs: mean over the seeds, least
             and largest; above 1 that taper is better
  seconds    training and testing the 5 folds of a seed; mean over the seeds, on a machine as busy as it was

The models: `taper cv` with its defaults, and with 200 epochs, which is the limit of MLPRegressor's defaults; Ridge
(alpha 1); MLPRegressor with its defaults (one hidden layer of 100, batches of 200) and with two hidden layers of 32, both
until they converge, however long that takes; HistGradientBoostingRegressor with its defaults.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from datasets import SETS

FOLDS = 5
TAPER = {"taper": [], "taper, 200 epochs": ["--epochs=200"]}
PEERS = {
    "Ridge": lambda seed: Ridge(),
    "MLPRegressor": lambda seed: MLPRegressor(max_iter=2000, random_state=seed),
    "MLPRegressor 32, 32": lambda seed: MLPRegressor(hidden_layer_sizes=(32, 32), max_iter=2000, random_state=seed),
    "HistGradientBoosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
}


def main():
    parser = argparse.ArgumentParser(
        prog="benches/datasets/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [data.name for data in SETS]
    parser.add_argument("--only", choices=names, action="append", help="a set; may be repeated (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="how often the rows are divided (default 5)")
    parser.add_argument("--out", type=Path, default=Path("target/datasets"), help="folder of the CSV files")
    parser.add_argument("--fetch", action="store_true", help="only write the CSV files")
    parser.add_argument("--taper", type=Path, help="the program (default: what `cargo build --release` makes)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sets = [data for data in SETS if data.name in (args.only or names)]
    files = [data.write(args.out) for data in sets]
    if args.fetch:
        print(*files, sep="\n")
        return
    if args.taper is None:
        subprocess.run(["cargo", "build", "--release", "--quiet", "--locked"], check=True)
        args.taper = Path(os.environ.get("CARGO_TARGET_DIR", "target"), "release/taper")
    version = output([args.taper, "--version"]).splitlines()
    print(f"{', '.join(version[:2])}; scikit-learn {sklearn.__version__}; {FOLDS} folds, seeds 1 to {args.seeds}")
    rows = [("data", "model", "rmse", "r2", "x", "seconds")]
    for data, file in zip(sets, files):
        rows += compare(data, file, args)
    show(rows)


def compare(data, file, args):
    """The rows of one set."""
    frame = pd.read_csv(file).dropna(ignore_index=True)
    features = frame.drop(columns=[name for name in (data.target, data.group) if name])
    x, y = pd.get_dummies(features, dtype=float).to_numpy(), frame[data.target].to_numpy(dtype=float)
    runs = {name: [] for name in (*TAPER, *PEERS)}
    for seed in range(1, args.seeds + 1):
        folds = divide(frame[data.group] if data.group else None, len(y), seed)
        for name, flags in TAPER.items():
            runs[name].append(taper(args, flags, data, frame, folds, seed))
        for name, model in PEERS.items():
            say(f"{data.name}: {name}, seed {seed}")
            runs[name].append(peer(scaled(model(seed)), x, y, folds))
    ours = mean_rmse(runs["taper, 200 epochs"])
    for name, results in runs.items():
        rmse, r2 = (np.array([result[key] for result in results]).ravel() for key in ("rmse", "r2"))
        x = mean_rmse(results) / ours
        ratio = f"{x.mean():.2f} ({x.min():.2f}-{x.max():.2f})" if np.any(x != 1) else ""
        seconds = np.mean([result["seconds"] for result in results])
        rmse = f"{number(rmse.mean(), 4)} ± {number(rmse.std(ddof=1), 2)}"
        yield data.name, name, rmse, f"{r2.mean():.3f} ± {r2.std(ddof=1):.3f}", ratio, number(seconds, 2)


def divide(groups, n, seed):
    """The fold of each row."""
    fold = np.empty(n, dtype=int)
    kfold = (KFold if groups is None else GroupKFold)(FOLDS, shuffle=True, random_state=seed)
    for i, (_, test) in enumerate(kfold.split(fold, groups=groups)):
        fold[test] = i
    return fold


def scaled(model):
    """`model` on scaled features, and if it is a network on a scaled target too."""
    if isinstance(model, HistGradientBoostingRegressor):
        return model
    if isinstance(model, MLPRegressor):
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    return make_pipeline(StandardScaler(), model)


def peer(model, x, y, folds):
    """The errors of `model` on each fold."""
    rmse, r2, start = [], [], time.perf_counter()
    for i in range(FOLDS):
        train, test = folds != i, folds == i
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            predicted = model.fit(x[train], y[train]).predict(x[test])
        rmse.append(root_mean_squared_error(y[test], predicted))
        r2.append(r2_score(y[test], predicted))
    return {"rmse": rmse, "r2": r2, "seconds": time.perf_counter() - start}


def taper(args, flags, data, frame, folds, seed):
    """The errors of `taper cv` on each fold: the number of its fold is a row's group, which stays in one fold."""
    file = args.out / f"{data.name}-folds.csv"
    frame.assign(fold=folds).to_csv(file, index=False)
    command = [args.taper, "cv", "--data", file, "--target", data.target, "--group", "fold", f"--folds={FOLDS}"]
    command += ["--drop", data.group] if data.group else []
    command += ["--missing=drop", "--json", "--quiet", f"--seed={seed}", *flags]
    report = json.loads(output(command))
    errors = {key: [fold[key] for fold in report["folds"]] for key in ("rmse", "r2")}
    return errors | {"seconds": report["seconds"]}


def mean_rmse(results):
    """The mean rmse over the folds of each seed."""
    return np.array([np.mean(result["rmse"]) for result in results])


def number(x, digits):
    """`x` with so many significant digits."""
    return np.format_float_positional(x, digits, fractional=False, trim="-")


def show(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for i, row in enumerate(rows):
        cells = (cell.ljust(w) if j < 2 else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths)))
        print("|", " | ".join(cells), "|")
        if i == 0:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")


def output(command):
    say(" ".join(map(str, command)))
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def say(what):
    print(f"== {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
