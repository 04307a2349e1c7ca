"""Groups, joins, resamples, and reads and writes text."""

import io

import pandas as pd

MADE_WITH = "Cython, C"
DISTRIBUTION = "pandas"


def exercise() -> object:
    frame = pd.DataFrame(
        {
            "key": ["a", "b", "a", "c"] * 50,
            "value": range(200),
            "when": pd.date_range("2024-01-01", periods=200, freq="h", tz="Europe/Berlin"),
        }
    )
    grouped = frame.groupby("key").agg({"value": ["sum", "mean"]})
    joined = frame.merge(pd.DataFrame({"key": ["a", "c"], "other": [1, 2]}), on="key")
    daily = frame.set_index("when")["value"].resample("D").max()
    text = frame.head(5).to_csv(index=False)
    return {
        "grouped": grouped.to_numpy().tolist(),
        "joined": int(joined["other"].sum()),
        "daily": [(str(day), int(most)) for day, most in daily.items()],
        "text": text,
        "read": pd.read_csv(io.StringIO(text))["value"].tolist(),
        "rolling": frame["value"].rolling(7).std().round(6).tail(3).tolist(),
        "json": frame.head(2).to_json(),
    }
