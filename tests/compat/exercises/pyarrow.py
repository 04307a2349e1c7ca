"""Computes on columns, and writes and reads Parquet and IPC in memory."""

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq

MADE_WITH = "Cython"
DISTRIBUTION = "pyarrow"


def exercise() -> object:
    table = pa.table({"n": list(range(1000)), "s": [f"row {k % 7}" for k in range(1000)]})
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    read = pq.read_table(io.BytesIO(file.getvalue()))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    streamed = pa.ipc.open_stream(sink.getvalue()).read_all()
    filtered = pa.dataset.dataset(table).to_table(filter=pc.field("n") > 990)
    return {
        "read": read.equals(table),
        "streamed": streamed.equals(table),
        "sum": pc.sum(read["n"]).as_py(),
        "groups": sorted(table.group_by("s").aggregate([("n", "sum")]).to_pylist(), key=str),
        "filtered": filtered["n"].to_pylist(),
        "error": _error(),
    }


def _error() -> str:
    try:
        pa.array([1, "x"])
    except pa.ArrowInvalid as error:
        return str(error)
    return "none"
