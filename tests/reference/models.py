"""What numpy predicts with the models of tests/data/models, in double precision: tests/reference/models.json.

The files are read by hand, as any tool could read them. To make them anew:

    cargo test --test train models -- --ignored
    python tests/reference/models.py
"""

import json
import struct
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent
DTYPES = {"F32": "<f4", "F64": "<f8"}
# age, town as zeros and ones, size; the last has a town and a size that are missing.
X = [[31.5, 0, 1, 0, 70], [64, 1, 0, 0, 110.25], [18.25, 0, 0, 1, 300], [40, np.nan, np.nan, np.nan, np.nan]]


def read(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    content = json.loads(header.pop("__metadata__")["taper"])["content"]
    tensors = {}
    for name, info in header.items():
        start, end = (8 + length + offset for offset in info["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], DTYPES[info["dtype"]]).reshape(info["shape"]).astype(float)
    return content, tensors


def predict(content, tensors):
    network, schema = content["network"], content["schema"]
    fill, shift, scale = (np.array([c[key] for c in schema["feature_scaling"]]) for key in ("fill", "shift", "scale"))
    x = np.array(X)
    x = (np.where(np.isnan(x), fill, x) - shift) / scale
    weight = np.cos if network["layer"] == "cos" else lambda w: w

    def layer(name, x):
        return x @ weight(tensors[f"{name}.weight"]).T + tensors[f"{name}.bias"]

    h = np.maximum(layer("input", x), 0)
    outputs = []
    for depth in range(network["max_depth"] + 1):
        if depth > 0:
            h = np.maximum(layer("hidden", h), 0)
        if depth >= network["min_depth"]:
            outputs.append(layer("output", h))
    shift, scale = (np.array([c[key] for c in schema["target_scaling"]]) for key in ("shift", "scale"))
    return np.stack(outputs, axis=1) * scale + shift


cases = {}
for path in sorted((ROOT.parent / "data" / "models").glob("*.safetensors")):
    content, tensors = read(path)
    by_depth = predict(content, tensors)
    cases[path.stem] = {
        "layer": content["network"]["layer"],
        "x": [["NaN" if np.isnan(value) else float(value) for value in row] for row in X],
        "mean": by_depth.mean(axis=1).ravel().tolist(),
        "by_depth": by_depth.ravel().tolist(),
    }
(ROOT / "models.json").write_text(json.dumps(cases))
