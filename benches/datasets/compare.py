"""Cross-validates taper and other tools on real data, with the same folds and the same features, and prints one table.

Every seed divides the rows into 5 folds anew; all models are trained and tested on these folds. Rows with missing values
are left out and text columns are one-hot; for Ridge features are scaled by their means and deviations over the training
rows. Nobody's settings are tuned: taper and the others have their defaults. taper's were chosen by what they give on the
sets for development, whose figures therefore prove nothing; no choice was made by what a fold of another set gives.

  rmse, r2   on the test rows, in the target's own unit; mean and standard deviation over all folds of all seeds
  x          the model's mean rmse over a seed's folds divided by CatBoost's: geometric mean over the seeds, least and
             largest; below 1 the model is better than CatBoost
  p          of equal errors of the model and CatBoost, by the corrected resampled t-test over the folds of all seeds
             (Nadeau and Bengio 2003), which says little after one seed
  seconds    training and testing one fold, with all cores; mean over folds and seeds, on a machine as busy as it was

The last lines are the geometric means of x and of the seconds over the sets for development and over the others, and
for the others whether taper and a model differ over the sets: Wilcoxon's signed-rank test of the logarithms of their
ratios, one number for each set, corrected for the number of models (Holm 1979).

--network adds RealMLP-TD or TabM-D of pytabkit, one network each, which set a fifth of the training rows aside to choose
the epoch. They need the packages of networks.txt (6 GB) and up to minutes for a fold.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from catboost import CatBoostRegressor
from lightgbm import LGBMRegressor
from scipy.stats import t as student
from scipy.stats import wilcoxon
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from datasets import SETS

FOLDS = 5
TAPER = {"taper": []}
PEERS = {
    "Ridge": lambda seed: make_pipeline(StandardScaler(), Ridge()),
    "HistGradientBoosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
    "LightGBM": lambda seed: LGBMRegressor(random_state=seed, verbose=-1),
    "CatBoost": lambda seed: CatBoostRegressor(random_seed=seed, verbose=False, allow_writing_files=False),
}
NETWORKS = {
    "RealMLP-TD": lambda seed: network("RealMLP_TD_Regressor", seed),
    "TabM-D": lambda seed: network("TabM_D_Regressor", seed),
}
REFERENCE = "CatBoost"


def main():
    parser = argparse.ArgumentParser(
        prog="benches/datasets/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [data.name for data in SETS]
    parser.add_argument("--only", choices=names, action="append", help="a set; may be repeated (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="how often the rows are divided (default 3)")
    parser.add_argument("--network", choices=NETWORKS, action="append", default=[], help="may be repeated")
    parser.add_argument("--flags", action="append", default=[], help="a flag for taper; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("target/datasets"), help="folder of the CSV files")
    parser.add_argument("--fetch", action="store_true", help="only write the CSV files")
    parser.add_argument("--taper", type=Path, help="the program (default: what `cargo build --release` makes)")
    args = parser.parse_args()
    args.peers = PEERS | {name: NETWORKS[name] for name in args.network}
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
    rows, ratios = [("data", "model", "rmse", "r2", "x", "p", "seconds")], []
    for data, file in zip(sets, files):
        for row, ratio in compare(data, file, args):
            rows.append(row)
            ratios.append((data.development, row[1], *ratio))
    show(rows)
    for is_development, kind in [(True, "sets for development"), (False, "other sets")]:
        for name in (*TAPER, *args.peers):
            of = np.array([(x, s) for development, model, x, s in ratios if (development, model) == (is_development, name)])
            if len(of):
                x, seconds = np.exp(np.log(of).mean(axis=0))
                print(f"{name}, {len(of)} {kind}: x {x:.3f}, seconds {number(seconds, 2)}")
    judge([ratio for ratio in ratios if not ratio[0]], args)


def compare(data, file, args):
    """The rows of one set."""
    frame = pd.read_csv(file).dropna(ignore_index=True)
    features = frame.drop(columns=[name for name in (data.target, data.group) if name])
    x, y = pd.get_dummies(features, dtype=float).to_numpy(), frame[data.target].to_numpy(dtype=float)
    runs = {name: [] for name in (*TAPER, *args.peers)}
    for seed in range(1, args.seeds + 1):
        folds = divide(frame[data.group] if data.group else None, len(y), seed)
        for name, flags in TAPER.items():
            runs[name].append(taper(args, flags + args.flags, data, frame, folds, seed))
        for name, model in args.peers.items():
            say(f"{data.name}: {name}, seed {seed}")
            runs[name].append(peer(model(seed), x, y, folds))
    reference = mean_rmse(runs[REFERENCE])
    for name, results in runs.items():
        rmse, r2 = (np.array([result[key] for result in results]).ravel() for key in ("rmse", "r2"))
        x = mean_rmse(results) / reference
        mean, seconds = np.exp(np.log(x).mean()), np.mean([result["seconds"] for result in results])
        is_reference = name == REFERENCE
        shown = "" if is_reference else f"{mean:.3f} ({x.min():.3f}-{x.max():.3f})"
        p = "" if is_reference else number(corrected_t(rmse_of(results) - rmse_of(runs[REFERENCE])), 2)
        rmse = f"{number(rmse.mean(), 4)} ± {number(rmse.std(ddof=1), 2)}"
        row = data.name, name, rmse, f"{r2.mean():.3f} ± {r2.std(ddof=1):.3f}", shown, p, number(seconds, 2)
        yield row, (mean, seconds)


def corrected_t(differences):
    """The p-value of a mean of 0 of `differences`, one for each fold of each seed."""
    d = np.ravel(differences)
    t = d.mean() / np.sqrt((1 / len(d) + 1 / (FOLDS - 1)) * d.var(ddof=1))
    return 2 * student.sf(abs(t), len(d) - 1)


def judge(ratios, args):
    """Prints how sure it is that taper and a model differ over the sets of `ratios`."""
    logs = {name: np.log([x for _, model, x, _ in ratios if model == name]) for name in (*TAPER, *args.peers)}
    ours = logs.pop("taper")
    if not len(ours):
        return
    p = {name: wilcoxon(ours, theirs).pvalue for name, theirs in logs.items()}
    corrected = 0.0
    for i, name in enumerate(sorted(p, key=p.get)):
        corrected = max(corrected, min(1, p[name] * (len(p) - i)))
        ratio, better = np.exp((ours - logs[name]).mean()), (ours < logs[name]).sum()
        print(f"taper over {name}: {ratio:.3f}, better on {better} of {len(ours)}, p {p[name]:.2g}, Holm {corrected:.2g}")


def network(name, seed):
    """A network of pytabkit, which is imported only if it is asked for."""
    import pytabkit

    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))
    return getattr(pytabkit, name)(random_state=seed, device="cpu", n_threads=threads, verbosity=0)


def divide(groups, n, seed):
    """The fold of each row."""
    fold = np.empty(n, dtype=int)
    kfold = (KFold if groups is None else GroupKFold)(FOLDS, shuffle=True, random_state=seed)
    for i, (_, test) in enumerate(kfold.split(fold, groups=groups)):
        fold[test] = i
    return fold


def peer(model, x, y, folds):
    """The errors of `model` on each fold."""
    rmse, r2, start = [], [], time.perf_counter()
    for i in range(FOLDS):
        train, test = folds != i, folds == i
        predicted = model.fit(x[train], y[train]).predict(x[test])
        rmse.append(root_mean_squared_error(y[test], predicted))
        r2.append(r2_score(y[test], predicted))
    return {"rmse": rmse, "r2": r2, "seconds": (time.perf_counter() - start) / FOLDS}


def taper(args, flags, data, frame, folds, seed):
    """The errors of `taper cv` on each fold: the number of its fold is a row's group, which stays in one fold."""
    file = args.out / f"{data.name}-folds.csv"
    frame.assign(fold=folds).to_csv(file, index=False)
    command = [args.taper, "cv", "--data", file, "--target", data.target, "--group", "fold", f"--folds={FOLDS}"]
    command += ["--drop", data.group] if data.group else []
    command += ["--text", ",".join(data.text)] if data.text else []
    command += ["--missing=drop", "--json", "--quiet", f"--seed={seed}", *flags]
    report = json.loads(output(command))
    errors = {key: [fold[key] for fold in report["folds"]] for key in ("rmse", "r2")}
    return errors | {"seconds": report["seconds"] / FOLDS}


def rmse_of(results):
    """The rmse by seed and fold."""
    return np.array([result["rmse"] for result in results])


def mean_rmse(results):
    """The mean rmse over the folds of each seed."""
    return rmse_of(results).mean(axis=1)


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
