"""Makes the files of the folder parquet beside this file, and values.json there with what is in them:

`pip install pyarrow==26.0.1 numpy==2.4.6 && python parquet.py`.

`snappy`, `zstd`, `gzip` and `lz4` have the same columns of every type that can be learnt, written in different ways; "x" of
values.json has the features of each row, with text one-hot in sorted order, "y" the targets. `bad` has columns that
cannot. `times` and `old_times` have columns that order rows.
"""

import datetime
import json
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent / "parquet"
ROWS = 12


def good():
    rng = np.random.default_rng(1)
    integers = {
        name: pa.array(rng.integers(low, high, ROWS, dtype=name, endpoint=True))
        for name, (low, high) in {
            name: (np.iinfo(name).min, np.iinfo(name).max)
            for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
        }.items()
    }
    numbers = rng.normal(size=ROWS)
    numbers[4] = math.nan
    cents = [None if i == 7 else Decimal(int(n)).scaleb(-2) for i, n in enumerate(rng.integers(-99999, 99999, ROWS))]
    return pa.table(
        {
            "flag": pa.array(rng.random(ROWS) < 0.5),
            **integers,
            "half": pa.array(rng.normal(size=ROWS).astype(np.float16)),
            "single": pa.array(rng.normal(size=ROWS).astype(np.float32)),
            "double": pa.array(numbers),
            "decimal": pa.array(cents, pa.decimal128(9, 2)),
            "long_decimal": pa.array([Decimal(int(n)).scaleb(-5) * 10**12 for n in rng.integers(-9999, 9999, ROWS)], pa.decimal128(30, 5)),
            "town": pa.array(["Ulm", None, "Köln", "Bonn"] * 3),
            "size": pa.array(["10", "9", "10"] * 4).dictionary_encode(),
            "y": pa.array(rng.normal(size=ROWS)),
        }
    )


def features(table):
    """Each row's features as f64, text one-hot and a missing value NaN."""
    columns = []
    for name, column in zip(table.column_names, table.columns):
        values = column.to_pylist()
        if name in ("town", "size"):
            for category in sorted({value for value in values if value is not None}):
                columns.append([math.nan if value is None else float(value == category) for value in values])
        elif name != "y":
            columns.append([math.nan if value is None else float(value) for value in values])
    return [["nan" if math.isnan(value) else value for value in row] for row in zip(*columns)]


def bad():
    rows = 70
    numbers = [float(i) for i in range(rows)]
    at = lambda row, value: [value if i == row else number for i, number in enumerate(numbers)]
    date = datetime.date(2026, 1, 1)
    return pa.table(
        {
            "number": pa.array(numbers),
            "infinite": pa.array(at(2, math.inf)),
            "huge": pa.array(at(1, 1e39)),
            "null": pa.array(at(3, None)),
            "never": pa.nulls(rows, pa.float64()),
            "text": pa.array([str(i % 3) + "a" for i in range(rows)]),
            "never_text": pa.nulls(rows, pa.string()),
            "many": pa.array([f"value {i}" for i in range(rows)]),
            "constant": pa.array([1.5] * rows),
            "date": pa.array([date] * rows),
            "time": pa.array([datetime.datetime(2026, 1, 1)] * rows, pa.timestamp("us")),
            "list": pa.array([[1, 2]] * rows),
            "pair": pa.array([{"a": 1}] * rows),
            "bytes": pa.array([b"abc"] * rows, pa.binary(3)),
        }
    )


def times():
    """Dates and times of every type, whose order is that of "rank" (equal ones are of one rank), from before 1970 on."""
    ranks = [7, 0, 3, 3, 9, 1, 5, 2, 8, 6, 4, 0]
    days = [datetime.date(1969, 12, 25) + datetime.timedelta(days=rank) for rank in ranks]
    # In nanoseconds as whole numbers, of which f64 would make one.
    epoch = 1_700_000_000_000_000_000
    of_day = [datetime.time(rank, 30, 15, rank) for rank in ranks]
    moments = [datetime.datetime(1969, 12, 31, 14 + rank, rank) for rank in ranks]
    return pa.table(
        {
            "rank": pa.array(ranks),
            "date": pa.array(days, pa.date32()),
            "seconds": pa.array(moments, pa.timestamp("s")),
            "milliseconds": pa.array(moments, pa.timestamp("ms", tz="Europe/Berlin")),
            "microseconds": pa.array(moments, pa.timestamp("us")),
            "nanoseconds": pa.array([epoch + rank for rank in ranks], pa.timestamp("ns")),
            "time_of_day": pa.array(of_day, pa.time64("us")),
            "short_time_of_day": pa.array(of_day, pa.time32("ms")),
            "null": pa.array([None, *days[1:]], pa.date32()),
            "x": pa.array([float(rank) ** 2 for rank in ranks]),
            "y": pa.array([float(rank) for rank in ranks]),
        }
    )


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    table = good()
    pq.write_table(table, HERE / "snappy.parquet", compression="snappy", row_group_size=5)
    pq.write_table(
        table,
        HERE / "zstd.parquet",
        compression="zstd",
        version="2.6",
        data_page_version="2.0",
        store_decimal_as_integer=True,
        store_schema=False,
    )
    pq.write_table(table, HERE / "gzip.parquet", compression="gzip", use_dictionary=False, row_group_size=4)
    pq.write_table(table, HERE / "lz4.parquet", compression="lz4", data_page_size=1, write_batch_size=1)
    pq.write_table(bad(), HERE / "bad.parquet", compression="zstd")
    pq.write_table(times(), HERE / "times.parquet")
    # Timestamps in 12 bytes, as Hive and older versions of Spark write them.
    pq.write_table(times(), HERE / "old_times.parquet", use_deprecated_int96_timestamps=True)
    values = {"x": features(table), "y": table["y"].to_pylist()}
    (HERE / "values.json").write_text(json.dumps(values, separators=(",", ":")) + "\n")
