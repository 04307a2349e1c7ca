"""Runs a lazy query on its thread pool, with a Python function inside."""

import polars as pl

MADE_WITH = "PyO3"
DISTRIBUTION = "polars"


def exercise() -> object:
    frame = pl.DataFrame({"key": ["a", "b", "c"] * 100, "value": list(range(300))})
    query = (
        frame.lazy()
        .filter(pl.col("value") > 10)
        .with_columns(
            pl.col("value").map_elements(lambda v: v.bit_count(), return_dtype=pl.Int64).alias("m")
        )
        .group_by("key")
        .agg(pl.col("value").sum(), pl.col("m").mean())
        .sort("key")
    )
    return (
        query.collect().rows(),
        frame.describe().shape,
        pl.read_csv(frame.write_csv().encode()).shape,
    )
