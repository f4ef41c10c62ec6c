"""Holds what onnxruntime predicts with exported models against `taper predict`:

`pip install onnx==1.23.2 onnxruntime==1.32.0 pandas==3.1.1 && cargo build && python exported.py`.

A model of each kind is trained for some epochs on a table with categories, missing values, a time stamp that has no
place in single precision, a category that looks like a number, and names with spaces, and both predict its rows and
some that are stranger. The kinds of PREPARED have dates and many streets besides. Prints the largest difference of
each in units of the target's standard deviation, and fails above 1e-5. Other arguments than the binary's path are the
kinds to take.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd

ROOT = Path(__file__).parents[2]
TAPER = ROOT / "target" / "debug" / "taper"
TOLERANCE = 1e-5

# The settings of each kind; all have several targets but those that say so.
KINDS = {
    "default": [],
    "one target": ["--target", "price"],
    "no scaling": ["--scale", "none", "--lr", "1e-9", "--target", "price", "--drop", "rent,seen at"],
    "f64": ["--dtype", "f64"],
    "cos layers": ["--layer", "cos"],
    "residual": ["--block", "residual"],
    "injection": ["--block", "injection"],
    "silu": ["--activation", "silu"],
    "mish": ["--activation", "mish"],
    "mish f64": ["--activation", "mish", "--dtype", "f64"],
    "gelu": ["--activation", "gelu"],
    "gelu f64": ["--activation", "gelu", "--dtype", "f64"],
    "rms norm": ["--norm", "rms", "--block", "residual"],
    "layer norm": ["--norm", "layer", "--block", "injection", "--dtype", "f64"],
    "batch norm": ["--norm", "batch", "--activation", "silu"],
    "bins": ["--bins", "8"],
    "bins and skip": ["--bins", "8", "--skip", "--dtype", "f64"],
    "clipped": ["--scale", "robust-clip"],
    "clipped, bins f64": ["--scale", "robust-clip", "--bins", "5", "--dtype", "f64"],
    "members": ["--members", "3", "--block", "residual"],
    "members, bins, norms": ["--members", "2", "--bins", "6", "--norm", "batch", "--skip"],
    "bag": ["--select", "bag", "--members", "3", "--validation", "0.2"],
    "bag of residual blocks": ["--select", "bag", "--members", "2", "--block", "residual", "--dtype", "f64"],
    "dropout": ["--dropout", "0.2"],
    "depth 0": ["--min-depth", "0", "--max-depth", "2"],
    "all depths": ["--depths", "all", "--min-depth", "2", "--max-depth", "6"],
    "quantiles": ["--loss", "quantile", "--quantiles", "0.1,0.4,0.5,0.9"],
    "one quantile": ["--loss", "quantile", "--quantiles", "0.7"],
    "shared halting": ["--halting", "shared", "--max-depth", "6", "--epochs", "12"],
    "adaptive halting": ["--halting", "adaptive", "--max-depth", "6", "--epochs", "12", "--skip"],
    "adaptive, geometric, exit 1": ["--halting", "adaptive", "--prior", "geometric", "--exit", "1", "--epochs", "12"],
    "adaptive f64": ["--halting", "adaptive", "--dtype", "f64", "--epochs", "12", "--block", "injection"],
    "logarithm": ["--target-transform", "log", "--target", "price"],
    "yeo-johnson": ["--target-transform", "yeo-johnson"],
    "yeo-johnson, quantiles": ["--target-transform", "yeo-johnson", "--loss", "quantile", "--dtype", "f64"],
    "recipe for tables": ["--recipe", "tabular", "--epochs", "4"],
    "clipped": ["--scale", "robust-clip"],
    "clipped f64": ["--scale", "robust-clip", "--dtype", "f64", "--target", "price"],
    "missing marks": ["--missing-indicator"],
    "means": ["--categories", "target"],
    "means, marks, clipped": ["--categories", "target", "--missing-indicator", "--scale", "robust-clip"],
}
DAY_FIRST = "dates, day first"
# Those of a table with dates and a text of many values.
PREPARED = {
    "dates and streets": [],
    "dates, one target": ["--target", "price"],
    "dates, f64": ["--dtype", "f64"],
    "dates, all else": ["--missing-indicator", "--scale", "robust-clip", "--categories", "target", "--bins", "6"],
    "dates, bag": ["--select", "bag", "--members", "3", "--categories", "target", "--missing-indicator"],
    "dates, recipe": ["--recipe", "tabular", "--epochs", "4"],
    DAY_FIRST: [],
}


def table(rows):
    """A table with what tables have."""
    random = np.random.default_rng(7)
    age, size = random.uniform(0, 90, rows), random.lognormal(4, 0.7, rows)
    town = random.choice(["Bonn", "Köln", "Ulm", "New York"], rows, p=[0.4, 0.3, 0.25, 0.05])
    code = random.choice(["7", "07", "x"], rows)
    seen = 1_700_000_000_000 + random.integers(0, 10_000_000, rows)
    price = 500 + 3 * size - 2 * age + 80 * (town == "Ulm") + 1e-5 * (seen - 1_700_000_000_000)
    price += random.normal(0, 5, rows)
    data = pd.DataFrame(
        {"age": age, "town": town, "living area": size, "code": code, "seen at": seen.astype(float), "price": price}
    )
    data["rent"] = 1e-3 * price**2 + 40 * (code == "x")
    for column in ["age", "town", "living area"]:
        data.loc[random.random(rows) < 0.05, column] = np.nan if column != "town" else "NA"
    return data


def prepared(data):
    """The table with dates and times of which one in twenty is missing, and texts of many values."""
    random = np.random.default_rng(8)
    days = random.integers(-80_000, 80_000, len(data))
    seconds = random.integers(0, 86_400, len(data))
    times = np.datetime64("1970-01-01", "s") + (days * 86_400 + seconds).astype("timedelta64[s]")
    data = data.copy()
    data.insert(1, "sold at", pd.Series(times).dt.strftime("%Y-%m-%d %H:%M:%S"))
    street = random.integers(0, 150, len(data)) ** 2 // 150
    data.insert(4, "street", [f"street {number}" for number in street])
    # Without an effect the means of the streets would all be the same.
    data["price"] += 20 * np.sin(2 * np.pi * days / 365.2425) + seconds / 4000 + 60 * np.sin(street)
    for column in ["sold at", "street"]:
        data.loc[random.random(len(data)) < 0.05, column] = ""
    return data


def seconds_since_1970(column):
    times = pd.to_datetime(column.replace("", None), utc=True, format="ISO8601")
    return (times - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta("1s")


def day_first(data):
    """The table with dates such as 31.01.2024 17:30:00."""
    turned = data["sold at"].str.replace(r"^(\d+)-(\d+)-(\d+)$", r"\1-\2-\3 00:00:00", regex=True)
    turned = turned.str.replace(r" (\d+:\d+)$", r" \1:00", regex=True)
    return data.assign(**{"sold at": turned.str.replace(r"^(\d+)-(\d+)-(\d+)", r"\3.\2.\1", regex=True)})


def called(*arguments):
    done = subprocess.run([str(a) for a in (TAPER, *arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{arguments}: {done.stderr}")
    return done.stdout


def by_runtime(path, data):
    """The outputs of the graph for the columns of `data`, by name."""
    graph = onnx.load(path)
    onnx.checker.check_model(graph, full_check=True)
    facts = {fact.key: fact.value for fact in graph.metadata_props}
    dates = json.loads(facts["dates"])
    of_dates = [given.name for given in graph.graph.input if "seconds since 1970" in given.doc_string]
    assert dates == of_dates, (dates, of_dates)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    columns = {}
    for given in session.get_inputs():
        is_text = given.type == "tensor(string)"
        values = seconds_since_1970(data[given.name]) if given.name in dates else data[given.name]
        values = values.astype(str if is_text else float)
        columns[given.name] = values.to_numpy(object if is_text else float).reshape(-1, 1)
    names = [output.name for output in session.get_outputs()]
    return {name: y[:, 0] for name, y in zip(names, session.run(None, columns))}


def by_the_guide(folder, graph, rows, date_format):
    """The lines of the guide predict what the script does, with another format of dates if there is one."""
    guide = (ROOT / "src" / "guide" / "models.md").read_text()
    lines = guide.split("```python\n")[1].split("```")[0]
    lines = lines.replace("houses.onnx", str(graph)).replace("new.csv", str(folder / "new.csv"))
    lines = lines.replace("ISO8601", date_format or "ISO8601")
    names = {"json": json, "onnxruntime": onnxruntime, "pandas": pd}
    exec(lines, names)
    assert np.array_equal(names["price"][:, 0], by_runtime(graph, rows)["price"])


def refused(model, folder, graph, rows):
    """By default an unknown town is refused, and with --missing empty rows have NaN where predict has nothing."""
    called("export", model, "--onnx", graph, "--force")
    errors = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        by_runtime(graph, rows)
    except (errors.Fail, errors.InvalidArgument):
        pass
    else:
        sys.exit("Atlantis was not refused")
    ways = ["--missing", "empty", "--unknown", "zeros"]
    called("export", model, "--onnx", graph, "--force", *ways)
    call = ["predict", "-q", "--model", model, "--data", folder / "new.csv", *ways]
    called(*call, "--out", folder / "predicted.csv", "--force")
    empty = pd.read_csv(folder / "predicted.csv", skip_blank_lines=False).iloc[:, 0].isna().to_numpy()
    price = by_runtime(graph, rows)["price"]
    assert 0 < empty.sum() < len(rows) and (np.isnan(price) == empty).all()


def compared(kind, settings, data, rows, folder):
    """The largest difference of a model of a kind from its graph."""
    model, graph = folder / "model.safetensors", folder / "model.onnx"
    written = day_first if kind == DAY_FIRST else lambda table: table
    written(data).to_csv(folder / "train.csv", index=False)
    written(rows).drop(columns=["price", "rent"]).to_csv(folder / "new.csv", index=False)
    call = ["train", "-q", "--data", folder / "train.csv", "--text", "code", "--missing", "mean", "--model", model]
    targets = [] if "--target" in settings else ["--target", "price,rent"]
    epochs = [] if "--epochs" in settings else ["--epochs", "4"]
    drop = ["--drop", "rent"] if "--target" in settings and "--drop" not in settings else []
    called(*call, "--force", *targets, *drop, *epochs, *settings)
    largest, sum = 0, hashlib.sha256(model.read_bytes()).hexdigest()
    for unknown in ["zeros", "missing"]:
        called("export", model, "--onnx", graph, "--force", "--unknown", unknown)
        facts = {fact.key: fact.value for fact in onnx.load(graph).metadata_props}
        assert facts["sha256"] == sum and facts["unknown"] == unknown, facts
        call = ["predict", "-q", "--model", model, "--data", folder / "new.csv", "--unknown", unknown]
        called(*call, "--out", folder / "predicted.csv", "--force")
        predicted = pd.read_csv(folder / "predicted.csv")
        outputs = by_runtime(graph, rows)
        names = [name for name in outputs if name in ("price", "rent")]
        found = {("prediction" if len(names) == 1 else f"prediction:{n}") if n in names else n: n for n in outputs}
        assert list(found) and set(found) == set(predicted), (set(found), set(predicted))
        for column, name in found.items():
            scale = data[name.split("_q")[0]].std()
            # Strange rows are far away, and so are their predictions.
            scale = np.maximum(scale, np.abs(predicted[column].to_numpy()))
            difference = np.max(np.abs(outputs[name] - predicted[column].to_numpy()) / scale)
            largest = difference if not difference <= largest else largest
    by_the_guide(folder, graph, rows, "%d.%m.%Y %H:%M:%S" if kind == DAY_FIRST else None)
    refused(model, folder, graph, rows)
    return largest


def main(chosen):
    onnxruntime.set_default_logger_severity(4)
    folder = Path(tempfile.mkdtemp())
    plain = table(600)
    worst = 0
    for kind, settings in (KINDS | PREPARED).items():
        if chosen and kind not in chosen:
            continue
        data = prepared(plain) if kind in PREPARED else plain
        # Far away, missing in other words, and of a town that nobody knows.
        strange = data[:6].copy()
        strange.loc[0, ["age", "living area"]] = [-500.0, 1e6]
        strange["town"] = ["", "nUlL", "n/a", "Atlantis", "Bonn", "New York"]
        if kind in PREPARED:
            strange["sold at"] = ["0001-01-01", "9999-12-31 23:59:59", "2000-02-29", "", "1900-02-28 12:00", "2024-02-29"]
            strange.loc[4, "street"] = "nowhere"
        rows = pd.concat([data, strange], ignore_index=True)
        largest = compared(kind, settings, data, rows, folder)
        print(f"{kind:30} {largest:.1e}")
        worst = largest if not largest <= worst else worst
    print(f"largest difference {worst:.1e}")
    if not worst <= TOLERANCE:
        sys.exit(1)


if __name__ == "__main__":
    chosen = sys.argv[1:]
    if chosen and Path(chosen[0]).exists():
        TAPER = Path(chosen.pop(0)).resolve()
    main(chosen)
