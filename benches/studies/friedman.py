"""Writes the first problem of Friedman, "Multivariate Adaptive Regression Splines", 1991, to the file of the argument:

y = 10 sin(pi x0 x1) + 20 (x2 - 0.5)^2 + 10 x3 + 5 x4 + noise of 1, of ten features, five of which say nothing.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.datasets import make_friedman1

x, y = make_friedman1(n_samples=5000, n_features=10, noise=1.0, random_state=1)
table = pd.DataFrame(np.column_stack([x, y]), columns=[*(f"x{i}" for i in range(10)), "y"])
table.to_csv(sys.argv[1], index=False)
