"""Writes compared.json: tests of differences by baycomp, scipy, mlxtend, scikit-posthocs, autorank and statsmodels.

    pip install scipy baycomp mlxtend scikit-posthocs autorank statsmodels
    python tests/reference/compared.py
"""

import json
import math
from importlib.metadata import version
from pathlib import Path

import baycomp
import numpy as np
import pandas as pd
import scikit_posthocs
from autorank._util import _critical_distance
from mlxtend.evaluate import combined_ftest_5x2cv, paired_ttest_5x2cv
from scipy import stats
from sklearn.base import BaseEstimator
from statsmodels.stats.multitest import multipletests

LEVEL = 0.95
ROPE = 0.01


def resampled(differences, runs, rope):
    """A cross-validation of len(differences) / runs folds, repeated `runs` times; baycomp has no t-test of its own, but
    the scale of one."""
    n = len(differences)
    posterior = baycomp.CorrelatedTTest(np.zeros(n), np.array(differences), rope=rope, runs=runs)
    probabilities = posterior.probs()
    below, within, above = probabilities if rope > 0 else (probabilities[0], 0.0, probabilities[1])
    scale = math.sqrt(posterior.var)
    t = posterior.mean / scale
    half = stats.t.ppf((1 + LEVEL) / 2, n - 1) * scale
    plain = stats.ttest_1samp(differences, 0)
    return {
        "differences": list(differences),
        "folds": n // runs,
        "rope": rope,
        "mean": posterior.mean,
        "standard_error": scale,
        "t": t,
        "p": 2 * stats.t.sf(abs(t), n - 1),
        "plain_t": plain.statistic,
        "plain_p": plain.pvalue,
        "interval": [posterior.mean - half, posterior.mean + half],
        "posterior": [below, within, above],
    }


class Arm(BaseEstimator):
    """An estimator that only has a name."""

    def __init__(self, name):
        self.name = name

    def fit(self, x, y):
        return self


def five_by_two(differences):
    """The two tests of mlxtend on made-up scores, which it asks for fold by fold, one arm after the other."""

    def scorer_of(differences):
        scores = iter([score for difference in np.ravel(differences) for score in (difference, 0.0)])
        return lambda estimator, x, y: next(scores)

    x, y = np.zeros((8, 1)), np.zeros(8)
    arms = Arm("a"), Arm("b")
    t, t_p = paired_ttest_5x2cv(*arms, x, y, scoring=scorer_of(differences), random_seed=1)
    f, f_p = combined_ftest_5x2cv(*arms, x, y, scoring=scorer_of(differences), random_seed=1)
    return {"differences": np.asarray(differences).tolist(), "t": t, "t_p": t_p, "f": f, "f_p": f_p}


def wilcoxon(about, differences, **options):
    found = stats.wilcoxon(differences, **options)
    return {"about": about, "differences": list(differences), "statistic": found.statistic, "p": found.pvalue}


def table(about, errors):
    """Friedman's test by scipy, that of Iman and Davenport from it, and the p-values of Nemenyi's."""
    errors = np.asarray(errors)
    n, k = errors.shape
    ranks = stats.rankdata(errors, axis=1)
    if k > 2:
        chi_squared, p = stats.friedmanchisquare(*errors.T)
        f = (n - 1) * chi_squared / (n * (k - 1) - chi_squared)
        tests = {"chi_squared": chi_squared, "p": p, "f": f, "f_p": stats.f.sf(f, k - 1, (k - 1) * (n - 1))}
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(pd.DataFrame(errors)).to_numpy()
    # The difference of ranks of each pair over the critical one at the level 1 - p is 1.
    pairs = [
        {"difference": abs(ranks[:, i].mean() - ranks[:, j].mean()), "p": nemenyi[i, j]}
        for i in range(k) for j in range(i) if 1e-6 < nemenyi[i, j] < 0.999
    ]
    return {
        "about": about,
        "errors": errors.tolist(),
        "mean_ranks": ranks.mean(axis=0).tolist(),
        "critical_difference": stats.studentized_range.ppf(LEVEL, k, np.inf) * math.sqrt(k * (k + 1) / (12 * n)),
        # By a fit of the quantiles, good to about 1e-4.
        "autorank": _critical_distance(1 - LEVEL, k, n),
        "pairs": pairs,
    } | tests


def paired(log_ratios, runs):
    """Two arms on one data set: what baycomp and scipy say of the log ratios of their errors."""
    found = resampled(log_ratios, runs, ROPE)
    quantiles = stats.t.ppf((1 + LEVEL) / 2, len(log_ratios) - 1) + stats.t.ppf(0.8, len(log_ratios) - 1)
    return {name: found[name] for name in ("mean", "interval", "t", "p", "plain_p", "posterior")} | {
        "detectable": math.expm1(quantiles * found["standard_error"])
    }


def study(rng, arms, sets, folds, repeats):
    """A study, the first arm of which is the reference: errors by arm, data set and fold, and the tests of all of them."""
    shape = (len(arms), sets, folds * repeats)
    rows = rng.normal(0, 0.3, (1, sets, folds * repeats)) + np.linspace(-2, 2, sets)[None, :, None]
    logs = rows + np.array(arms)[:, None, None] + rng.normal(0, 0.04, shape) + rng.normal(0, 0.02, shape[:2] + (1,))
    errors = np.exp(logs)
    logs = np.log(errors)
    means = logs.mean(axis=2)
    found = {"folds": folds, "repeats": repeats, "rope": ROPE, "errors": errors.tolist()}
    found["paired"] = [[paired(of - to, repeats) for of, to in zip(logs[i], logs[0])] for i in range(1, len(arms))]
    if sets == 1:
        return found
    both = [(i, j) for i in range(len(arms)) for j in range(i + 1, len(arms))]
    signed = [stats.wilcoxon(means[j] - means[i]).pvalue for i, j in both]
    over_sets = [stats.ttest_1samp(means[i] - means[0], 0) for i in range(1, len(arms))]
    intervals = [test.confidence_interval(LEVEL) for test in over_sets]
    with_reference = signed[: len(arms) - 1]
    return found | {
        "p": with_reference,
        "holm": multipletests(with_reference, method="holm")[1].tolist(),
        "intervals": [[interval.low, interval.high] for interval in intervals],
        "pairs": [[i, j] for i, j in both],
        "pairs_holm": multipletests(signed, method="holm")[1].tolist(),
        "ranks": table("study", means.T),
    }


def main():
    rng = np.random.default_rng(1)
    normal = lambda mean, std, n: [float(x) for x in rng.normal(mean, std, n)]
    short = [-0.031, -0.012, 0.004, -0.022, -0.018]
    singles = [
        resampled(short, 1, 0.01),
        resampled([1.0, 5.0, -3.0], 1, 0.5),
        resampled(normal(-0.02, 0.03, 30), 3, 0.01),
        resampled(normal(-0.02, 0.03, 30), 3, 0.0),
        resampled(normal(0.001, 0.004, 30), 3, 0.01),
        resampled(normal(-0.3, 0.03, 50), 5, 0.01),
        resampled(normal(0.5, 3.0, 100), 10, 1.0),
        resampled(normal(5.0, 0.01, 4), 1, 0.01),
        resampled(normal(0.01, 0.05, 4), 2, 0.02),
    ]
    five = [
        five_by_two([[0.02, -0.01], [0.03, 0.0], [0.01, 0.02], [0.0, 0.01], [0.02, 0.03]]),
        five_by_two(rng.normal(0.05, 0.02, (5, 2))),
        five_by_two(rng.normal(0, 1, (5, 2))),
        five_by_two(rng.normal(-3, 0.1, (5, 2))),
    ]
    ten = [-1.2, -0.8, -0.5, 0.3, -2.1, -0.9, -1.7, -0.1, -0.6, -1.1]
    tied = [float(x) for x in np.round(rng.normal(0.7, 1.5, 20) * 2) / 2]
    every = stats.PermutationMethod(n_resamples=2**21)
    signed = [
        wilcoxon("ten", ten),
        wilcoxon("one", [0.5]),
        wilcoxon("five of one sign", [0.1, 0.2, 0.3, 0.4, 0.5]),
        wilcoxon("as many on both sides", [1.0, -2.0, -3.0, 4.0]),
        wilcoxon("thirty", normal(0.3, 1, 30)),
        wilcoxon("fifty", normal(-0.5, 1, 50)),
        wilcoxon("ties, ten", [1.0, -1.0, 2.0, 2.0, 3.0, -2.0, 1.0, 1.0, 4.0, 4.0]),
        wilcoxon("ties and zeros, twelve", [0.0, -1.0, 2.0, 2.0, 0.0, -2.0, 1.0, 1.0, 4.0, 4.0, 3.0, 5.0]),
        wilcoxon("ties and zeros, twenty", tied, method=every),
        wilcoxon("eighty", normal(0.3, 1, 80)),
        wilcoxon("eighty, ties and zeros", [float(x) for x in np.round(rng.normal(0.4, 2, 80))]),
    ]
    tables = [
        table("apart", rng.normal([0, 1, 1.5, 4], 1, (12, 4))),
        table("alike", rng.normal(0, 1, (20, 5))),
        table("ties", np.round(rng.normal([0, 0.5, 1], 1, (9, 3)))),
        table("many", rng.normal(np.arange(10) / 5, 1, (30, 10))),
    ]
    families = [[0.01, 0.04, 0.03], [0.5], [0.2, 0.2, 0.9, 0.001], [float(p) for p in rng.uniform(0, 0.2, 12)]]
    families = [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in families]
    ranges = [
        {"q": q, "count": count, "p": stats.studentized_range.cdf(q, count, np.inf)}
        for count in (2, 3, 5, 10, 40) for q in (0.1, 1.0, 2.5, 3.314493, 3.857656, 6.0, 9.0)
    ]
    quantiles = [
        {"level": level, "count": count, "q": stats.studentized_range.ppf(level, count, np.inf)}
        for count in (2, 3, 5, 10, 20) for level in (0.5, 0.9, 0.95, 0.99)
    ]
    studies = [
        study(rng, [0, -0.01], 1, 10, 3),
        study(rng, [0, -0.05, 0.02], 1, 5, 2),
        study(rng, [0, -0.03, 0.005, -0.1], 9, 5, 2),
        study(rng, [0, 0.01, -0.02], 12, 4, 3),
    ]
    packages = ["scipy", "baycomp", "mlxtend", "scikit-posthocs", "autorank", "statsmodels"]
    found = {
        "made_by": {name: version(name) for name in packages},
        "level": LEVEL,
        "resampled": singles,
        "five_by_two": five,
        "wilcoxon": signed,
        "tables": tables,
        "holm": families,
        "range": ranges,
        "range_quantiles": quantiles,
        "studies": studies,
    }
    print(", ".join(f"{name} {found['made_by'][name]}" for name in packages))
    text = json.dumps(found, separators=(",", ":"), allow_nan=False, default=float)
    Path(__file__).with_name("compared.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
