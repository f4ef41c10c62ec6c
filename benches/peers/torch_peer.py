"""PyTorch's part: `torch_peer.py THREADS run SEED` or `torch_peer.py THREADS operations`; prints JSON."""

import json
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests/reference"))
import pipeline


def run(seed):
    errors, seconds = [], []
    start = time.perf_counter()
    for mse in pipeline.cross_validate(seed):
        errors.append(mse)
        seconds.append(time.perf_counter() - start - sum(seconds))
    return {"step": min(seconds), "seconds": sum(seconds), "mse": statistics.median(errors)}


def operations():
    result = {}
    for log_len in [12, 16, 20, 24]:
        x, y = (torch.randn(2**log_len, requires_grad=True) for _ in range(2))
        forward = {"mul": lambda: x * y, "maximum": lambda: torch.maximum(x, y), "cos": lambda: torch.cos(x)}
        for name, operation in forward.items():
            with torch.inference_mode():
                result[f"{name} forward, 2^{log_len}"] = fastest(operation)
        if log_len == 20:
            ones = torch.ones(2**log_len)

            def both():
                x.grad = y.grad = None
                torch.maximum(x, y).backward(ones)

            result[f"maximum forward+backward, 2^{log_len}"] = fastest(both)
    return result


def fastest(operation):
    """The time of a call: the fastest of the batches of calls that fit in two seconds."""
    calls, best, end = 1, float("inf"), time.perf_counter() + 2
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls):
            operation()
        seconds = time.perf_counter() - start
        # Batches long enough for the clock.
        if seconds < 1e-4:
            calls *= 2
        else:
            best = min(best, seconds / calls)
    return best


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps(run(int(sys.argv[3])) if sys.argv[2] == "run" else operations()))
