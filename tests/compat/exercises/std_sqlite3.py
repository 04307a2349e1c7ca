"""Queries, with functions, aggregates and collations written in Python, in memory and on disk."""

import sqlite3
import tempfile
from pathlib import Path

MADE_WITH = "C"
DISTRIBUTION = ""


class _Product:
    def __init__(self) -> None:
        self.value = 1

    def step(self, number: int) -> None:
        self.value = self.value * number % 10007

    def finalize(self) -> int:
        return self.value


def exercise() -> object:
    with sqlite3.connect(":memory:") as connection:
        connection.create_function("turned", 1, lambda text: text[::-1])
        connection.create_aggregate("product", 1, _Product)
        connection.create_collation("by_length", lambda a, b: len(a) - len(b))
        connection.execute("create table t (n integer, s text)")
        connection.executemany(
            "insert into t values (?, ?)", [(k + 1, "x" * (k % 5)) for k in range(100)]
        )
        rows = connection.execute(
            "select s, product(n) from t group by s order by s collate by_length"
        ).fetchall()
        turned = connection.execute("select turned('abc')").fetchone()
        try:
            connection.execute("select nonsense")
        except sqlite3.OperationalError as error:
            failure = str(error)
    connection.close()
    with tempfile.TemporaryDirectory() as folder:
        for value in (1, 2):
            with sqlite3.connect(Path(folder, "file.db")) as connection:
                connection.execute("create table if not exists v (x)")
                connection.execute("insert into v values (?)", (value,))
            on_disk = connection.execute("select x from v").fetchall()
            connection.close()
    return rows, turned, failure, on_disk
