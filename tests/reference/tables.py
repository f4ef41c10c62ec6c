"""Makes tables.json beside this file with pandas, scikit-learn and numpy, and the data that it is about:

`pip install pandas==3.1.1 scikit-learn==1.9.1 && python tables.py`.

Every case of "read" is a CSV file as text, what of it to learn, and the matrices that pandas and scikit-learn's
OneHotEncoder make of it. "scaled" are the standard scores of rows of which some are trained on, by StandardScaler and
then SimpleImputer. "groups" are the sizes of the folds of GroupKFold. "diabetes" has a fold for each of its rows, and
the mean squared errors of Ridge on them.
"""

import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
DIABETES = HERE.parent / "data" / "diabetes.csv"


def plain(values):
    """Rows of numbers as JSON can hold them."""
    return [[str(x) if not math.isfinite(x) else float(x) for x in row] for row in np.asarray(values)]


def read(text, target, missing=None):
    """What pandas reads, with text columns one-hot in the place where they stand."""
    table = pd.read_csv(
        io.StringIO(text), sep=None, engine="python", skipinitialspace=True, float_precision=None, na_values=["?"]
    )
    if missing == "drop":
        table = table.dropna()
    columns = []
    for name in table.columns:
        if name in target:
            continue
        column = table[[name]]
        if pd.api.types.is_numeric_dtype(column[name]):
            columns.append(column.to_numpy(dtype=float))
            continue
        present = column.dropna()
        encoder = OneHotEncoder(sparse_output=False).fit(present)
        one_hot = np.full((len(column), len(encoder.categories_[0])), np.nan)
        one_hot[column[name].notna()] = encoder.transform(present)
        columns.append(one_hot)
    x, y = np.hstack(columns), table[target].to_numpy(dtype=float)
    return {"text": text, "target": target, "missing": missing, "x": plain(x), "y": plain(y)}


def texts():
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(20, 3)) * [1, 1e6, 1e-6]
    frame = pd.DataFrame(numbers, columns=["a", "b", "y"])
    yield frame.to_csv(index=False), ["y"], None
    yield frame.to_csv(index=False, sep=";", lineterminator="\r\n"), ["y", "b"], None
    frame.insert(1, "town", rng.choice(["Ulm", "Köln", "a, b", 'say "so"', "two\nlines"], size=20))
    yield frame.to_csv(index=False), ["y"], None
    frame.insert(0, "kind", rng.choice(["x", "10", "9"], size=20, p=[0.6, 0.2, 0.2]))
    yield frame.to_csv(index=False), ["y"], None
    for row in (1, 5, 6):
        frame.loc[row, "a"] = np.nan
    frame.loc[7, "town"] = None
    yield frame.to_csv(index=False, na_rep="NA"), ["y"], "mean"
    yield frame.to_csv(index=False, na_rep="?"), ["y"], "drop"


def scaled():
    """Columns of normal numbers, of a large mean, without deviation, of zeros and ones, and with missing values."""
    rng = np.random.default_rng(2)
    n = 40
    x = np.column_stack(
        [
            rng.normal(size=n),
            1e6 + rng.normal(size=n),
            np.full(n, 0.1),
            rng.integers(0, 2, size=n),
            np.where(rng.random(n) < 0.2, np.nan, rng.exponential(size=n)),
        ]
    )
    train = np.sort(rng.choice(n, size=30, replace=False))
    scaler = make_pipeline(StandardScaler(), SimpleImputer()).fit(x[train])
    return {
        "x": plain(x),
        "train": train.tolist(),
        "filled": plain(SimpleImputer().fit(x[train]).transform(x)),
        "scaled": plain(scaler.transform(x)),
    }


def groups():
    rng = np.random.default_rng(3)
    cases = []
    for count, k in [(5, 2), (12, 5), (30, 4), (100, 7)]:
        group = rng.integers(0, count, size=200) ** 2 // count
        folds = GroupKFold(n_splits=k).split(np.zeros(200), groups=group)
        cases.append({"groups": group.tolist(), "sizes": [len(test) for _, test in folds]})
    return cases


def ridge(frame):
    """Ridge on scaled features, in 5 folds; "folds" has the number of the fold that tests each row."""
    x, y = frame.drop(columns="y").to_numpy(), frame["y"].to_numpy()
    kfold = KFold(5, shuffle=True, random_state=1)
    folds = np.empty(len(y), dtype=int)
    for i, (_, test) in enumerate(kfold.split(x)):
        folds[test] = i
    model = make_pipeline(StandardScaler(), Ridge())
    mse = -cross_val_score(model, x, y, scoring="neg_mean_squared_error", cv=kfold)
    return {"folds": folds.tolist(), "mse": mse.tolist()}


if __name__ == "__main__":
    frame = load_diabetes(scaled=False, as_frame=True).frame.rename(columns={"target": "y"})
    frame.to_csv(DIABETES, index=False, lineterminator="\n")
    reference = {
        "read": [read(*case) for case in texts()],
        "scaled": scaled(),
        "groups": groups(),
        "diabetes": ridge(frame),
    }
    (HERE / "tables.json").write_text(json.dumps(reference, separators=(",", ":")) + "\n")
