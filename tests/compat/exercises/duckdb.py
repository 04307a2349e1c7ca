"""Queries tables and files in memory, with a function written in Python."""

import duckdb

MADE_WITH = "nanobind"
DISTRIBUTION = "duckdb"


def exercise() -> object:
    with duckdb.connect() as connection:
        connection.create_function("twice", lambda x: x * 2, ["BIGINT"], "BIGINT")
        connection.execute("create table t as select range as n, range % 7 as g from range(10000)")
        groups = connection.execute(
            "select g, sum(n), twice(max(n)) from t group by g order by g"
        ).fetchall()
        windows = connection.execute("select lag(n) over (order by n) from t limit 4").fetchall()
        try:
            connection.execute("select nonsense")
        except duckdb.Error as error:
            failure = type(error).__name__
    return groups, windows, failure
