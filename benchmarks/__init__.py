"""Benchmarks: every figure that the project promises, measured again by `scripts/bench`.

`catalogue` lists them. Each runs in a process of its own, so that none finds memory, threads or
caches that another one left. `rounds` takes the samples, `figures` sums them up and holds them
against their targets, `report` prints and writes them.
"""
