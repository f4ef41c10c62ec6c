"""The default run of taper in PyTorch, for comparing errors: `python pipeline.py FIRST_SEED LAST_SEED`.

Prints the mean squared error of every fold and, at the end, the median of them all. Each seed draws its own data,
folds, initial weights, batches and depths, as taper's seeds do. A seed takes about ten seconds.
"""

import random
import statistics
import sys

import torch

ROWS, FEATURES, NOISE, FOLDS = 16384, 64, 0.1, 4
HIDDEN, DEPTHS, EPOCHS, BATCH, LR = 32, range(1, 5), 25, 64, 1e-3


class DynamicNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.input = torch.nn.Linear(FEATURES, HIDDEN)
        self.hidden = torch.nn.Linear(HIDDEN, HIDDEN)
        self.output = torch.nn.Linear(HIDDEN, 1)

    def outputs(self, x, depth):
        """The outputs at the depths 1 to depth."""
        h = torch.relu(self.input(x))
        for _ in range(depth):
            h = torch.relu(self.hidden(h))
            yield self.output(h)


def fold_mse(x, y, train, test):
    net = DynamicNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    x_train, y_train = x[train], y[train]
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(train)).split(BATCH):
            *_, output = net.outputs(x_train[batch], random.choice(DEPTHS))
            loss = torch.nn.functional.mse_loss(output, y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        prediction = torch.stack(list(net.outputs(x[test], max(DEPTHS)))).mean(0)
        return torch.nn.functional.mse_loss(prediction, y[test]).item()


def cross_validate(seed):
    torch.manual_seed(seed)
    random.seed(seed)
    x, w = torch.randn(ROWS, FEATURES), torch.randn(FEATURES, 1)
    y = x @ w + NOISE * torch.randn(ROWS, 1)
    folds = torch.randperm(ROWS).chunk(FOLDS)
    for i, test in enumerate(folds):
        yield fold_mse(x, y, torch.cat([fold for j, fold in enumerate(folds) if j != i]), test)


if __name__ == "__main__":
    torch.set_num_threads(1)
    errors = []
    for seed in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
        folds = list(cross_validate(seed))
        print(f"seed {seed}:", *(f"{mse:.4f}" for mse in folds), flush=True)
        errors += folds
    print(f"median of {len(errors)} folds: {statistics.median(errors):.4f}")
