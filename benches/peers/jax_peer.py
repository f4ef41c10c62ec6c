"""JAX's part: `jax_peer.py THREADS SEED` runs the default run on as many cores and prints JSON."""

import json
import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path

# Before JAX counts the cores.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])

import jax
import jax.numpy as jnp
from jax import lax

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests/reference"))
from pipeline import BATCH, DEPTHS, EPOCHS, FEATURES, FOLDS, HIDDEN, LR, NOISE, ROWS


def initial(key):
    """The layers (W^T, b), drawn as PyTorch draws them."""
    widths = [(FEATURES, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)]
    return [
        tuple(jax.random.uniform(k, shape, minval=-bound, maxval=bound) for k, shape in zip(jax.random.split(k), shapes))
        for k, (i, o) in zip(jax.random.split(key, 3), widths)
        for bound, shapes in [(i**-0.5, [(i, o), (o,)])]
    ]


def outputs(layers, x, depth):
    """The outputs at the depths 1 to depth."""
    (w_in, b_in), (w, b), (w_out, b_out) = layers
    h = jax.nn.relu(x @ w_in + b_in)
    for _ in range(depth):
        h = jax.nn.relu(h @ w + b)
        yield h @ w_out + b_out


def loss(layers, x, y, depth):
    return jnp.mean((list(outputs(layers, x, depth))[-1] - y) ** 2)


def step(state, batch):
    """One step of Adam at the batch's depth."""
    layers, first, second, count = state
    x, y, depth = batch
    branches = [partial(jax.grad(loss), depth=d) for d in DEPTHS]
    grads = lax.switch(depth - DEPTHS[0], branches, layers, x, y)
    count += 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)
    rate = LR / (1 - 0.9**count)
    correction = 1 - 0.999**count
    update = lambda p, m, v: p - rate * m / (jnp.sqrt(v / correction) + 1e-8)
    return (jax.tree.map(update, layers, first, second), first, second, count), None


@jax.jit
def fold_mse(key, x, y, x_test, y_test):
    layers = initial(key)

    def epoch(state, key):
        shuffle, draw = jax.random.split(key)
        order = jax.random.permutation(shuffle, len(x))
        batches = len(x) // BATCH
        depths = jax.random.randint(draw, (batches,), DEPTHS[0], DEPTHS[-1] + 1)
        x_, y_ = x[order].reshape(batches, BATCH, -1), y[order].reshape(batches, BATCH, 1)
        return lax.scan(step, state, (x_, y_, depths))

    zeros = jax.tree.map(jnp.zeros_like, layers)
    state, _ = lax.scan(epoch, (layers, zeros, zeros, 0.0), jax.random.split(jax.random.fold_in(key, 1), EPOCHS))
    prediction = jnp.stack(list(outputs(state[0], x_test, DEPTHS[-1]))).mean(0)
    return jnp.mean((prediction - y_test) ** 2)


def main():
    data, weights, noise, folds, *keys = jax.random.split(jax.random.key(int(sys.argv[2])), 4 + FOLDS)
    start = time.perf_counter()
    x = jax.random.normal(data, (ROWS, FEATURES))
    y = x @ jax.random.normal(weights, (FEATURES, 1)) + NOISE * jax.random.normal(noise, (ROWS, 1))
    folds = jax.random.permutation(folds, ROWS).reshape(FOLDS, -1)
    errors, seconds = [], []
    for i, key in enumerate(keys):
        train = jnp.concatenate([folds[j] for j in range(FOLDS) if j != i])
        begin = time.perf_counter()
        errors.append(fold_mse(key, x[train], y[train], x[folds[i]], y[folds[i]]).item())
        seconds.append(time.perf_counter() - begin)
    total = time.perf_counter() - start
    print(json.dumps({"step": min(seconds), "seconds": total, "mse": statistics.median(errors)}))


if __name__ == "__main__":
    main()
