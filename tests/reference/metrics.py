"""Writes metrics.json: the details of predictions by scikit-learn and scipy.

    pip install scikit-learn scipy
    python tests/reference/metrics.py
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.stats import spearmanr
from sklearn import metrics

QUANTILES = [0.1, 0.5, 0.9]


def details(predictions, truths):
    """Of one target; None where there is none: no MAPE beside a target of 0, no variance or ranks of one row, and no
    ranks of constants."""
    few = len(truths) < 2
    spearman = math.nan if few else spearmanr(predictions, truths).statistic
    return {
        "predictions": list(predictions),
        "truths": list(truths),
        "median_ae": metrics.median_absolute_error(truths, predictions),
        "mape": None if 0 in truths else metrics.mean_absolute_percentage_error(truths, predictions),
        "explained_variance": None if few else metrics.explained_variance_score(truths, predictions),
        "spearman": None if math.isnan(spearman) else spearman,
        "pinball": [metrics.mean_pinball_loss(truths, predictions, alpha=q) for q in QUANTILES],
        "coverage": float(np.mean(np.asarray(truths) <= np.asarray(predictions))),
    }


def cases():
    rng = np.random.default_rng(1)
    truths = rng.normal(10, 3, 57)
    near = truths + rng.normal(0, 1, 57)
    yield "normal", near, truths
    yield "an even number of rows", near[:20], truths[:20]
    yield "ties", np.round(near / 2), np.round(truths / 3)
    yield "many ties", rng.integers(0, 3, 40).astype(float), rng.integers(1, 4, 40).astype(float)
    yield "both zeros are one", [0.0, -0.0, 1.0, -1.0], [1.0, 1.0, 2.0, 0.5]
    yield "a target of zero", [1.0, 2.0, 3.0], [0.0, 2.0, 2.5]
    yield "a mean far from 0", 1e3 + near, 1e3 + truths
    yield "off by a constant", truths + 2, truths
    yield "upside down", -near, truths
    yield "exact", truths, truths
    yield "constant targets", near[:9], np.full(9, 2.5)
    yield "constant predictions", np.full(9, 2.5), truths[:9]
    yield "constant and met", np.full(5, 2.5), np.full(5, 2.5)
    yield "constant and missed by a constant", np.full(5, 2.0), np.full(5, 2.5)
    yield "two rows", [1.0, 2.0], [3.0, 5.0]
    yield "one row", [1.5], [2.5]


def main():
    warnings.simplefilter("ignore")
    print(f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}")
    found = [{"about": about} | details(list(map(float, p)), list(map(float, t))) for about, p, t in cases()]
    # Two targets, each of which weighs the same.
    rng = np.random.default_rng(2)
    truths = rng.normal(size=(31, 2)) * [1, 100] + [5, 1000]
    near = truths + rng.normal(size=(31, 2)) * [0.5, 20]
    scores = {
        "median_ae": metrics.median_absolute_error,
        "mape": metrics.mean_absolute_percentage_error,
        "explained_variance": metrics.explained_variance_score,
    }
    together = {name: score(truths, near, multioutput="uniform_average") for name, score in scores.items()}
    two = {"predictions": near.T.tolist(), "truths": truths.T.tolist()} | together
    text = json.dumps({"cases": found, "two_targets": two}, separators=(",", ":"), allow_nan=False)
    Path(__file__).with_name("metrics.json").write_text(text + "\n")


main()
