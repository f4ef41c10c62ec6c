"""Holds `taper importance` against scikit-learn's permutation_importance and partial dependence:

`pip install onnx==1.23.2 onnxruntime==1.32.0 pandas==3.1.1 scikit-learn==1.9.1 && cargo build && python explained.py`.

A model is trained on the table of exported.py, and scikit-learn explains its ONNX graph. Shuffles differ, so 200 of
them are taken, and the means are held against their standard errors. Partial dependence has no chance in it: it is
computed at the values that taper chose, on a table of fewer rows than taper takes at most.
"""

import functools
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance

import exported

SHUFFLES = 200


@functools.cache
def opened(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


class Graph(RegressorMixin, BaseEstimator):
    def __init__(self, path):
        self.path = path

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, x):
        session = opened(self.path)
        kinds = {i.name: object if "string" in i.type else float for i in session.get_inputs()}
        x = x.fillna({name: "" for name, kind in kinds.items() if kind is object})
        columns = {name: x[[name]].to_numpy(kind) for name, kind in kinds.items()}
        return session.run(["price"], columns)[0][:, 0]


def explained(table, settings):
    """The largest difference of numbers that have no chance in them, and the most standard errors of the others."""
    folder = Path(tempfile.mkdtemp())
    data = table.copy()
    data["town"] = data["town"].fillna("")
    train, test = data[:500], data[500:].reset_index(drop=True)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    model, graph = folder / "model.safetensors", folder / "model.onnx"
    settings = ["--drop", "rent", "--text", "code", "--missing", "mean", "--epochs", "20", *settings]
    exported.called("train", "-q", "--data", folder / "train.csv", "--target", "price", "--model", model, *settings)
    exported.called("export", model, "--onnx", graph, "--unknown", "zeros")
    call = ["importance", "-q", "--model", model, "--data", folder / "test.csv", "--repeats", SHUFFLES, "--json"]
    (found,) = json.loads(exported.called(*call, "--unknown", "zeros"))["targets"]
    x, y = test.drop(columns=["price", "rent"]), test["price"]
    # Labels are texts to taper, whatever pandas takes them for, and dates are seconds to the graph.
    x[["town", "code"]] = x[["town", "code"]].astype(str)
    if "sold at" in x:
        x["sold at"] = exported.seconds_since_1970(x["sold at"])
    estimator = Graph(str(graph))
    expected = permutation_importance(
        estimator, x, y, scoring="neg_root_mean_squared_error", n_repeats=SHUFFLES, random_state=1
    )
    rmse = np.sqrt(np.mean((estimator.predict(x) - y) ** 2))
    largest = abs(found["error"] / rmse - 1)
    errors = 0
    for of in found["columns"]:
        at = list(x.columns).index(of["column"])
        mean, deviation = expected.importances_mean[at], expected.importances_std[at]
        if deviation == 0:
            # Shuffling changes nothing where all means are the same.
            print(f"{of['column']:12} {of['increase']:8.4f}, expected {mean:8.4f}")
            if not of["increase"] == mean == of["high"] == of["low"] == 0:
                sys.exit("it changes something")
            continue
        # Both have an error.
        error = deviation * np.sqrt(2 / SHUFFLES)
        apart = abs(of["increase"] - mean) / error
        spread = (of["high"] - of["low"]) / 2 / deviation
        numbers = f"{of['increase']:8.4f}, expected {mean:8.4f}, {apart:.1f} errors apart, spreads {spread:.2f}"
        print(f"{of['column']:12} {numbers}")
        errors = apart if not apart <= errors else errors
        if not 0.8 <= spread <= 1.25:
            sys.exit("another standard deviation")
    for of in found["dependence"]:
        (kind, values), = of["values"].items()
        values = exported.seconds_since_1970(pd.Series(values)) if kind == "dates" else values
        mean = [estimator.predict(x.assign(**{of["column"]: value})).mean() for value in values]
        difference = np.max(np.abs(np.array(of["mean"]) - mean)) / y.std()
        print(f"{of['column']:12} dependence on {len(values)} {kind} differs by {difference:.1e}")
        largest = difference if not difference <= largest else largest
    return largest, errors


def main():
    table = exported.table(900)
    found = [explained(table, ["--bins", "6"]), explained(exported.prepared(table), ["--categories", "target"])]
    largest, errors = np.max(found, axis=0)
    print(f"largest difference {largest:.1e}, largest number of errors {errors:.1f}")
    if not (largest <= 1e-5 and errors <= 4):
        sys.exit(1)


if __name__ == "__main__":
    main()
