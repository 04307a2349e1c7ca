"""Benchmarks of packages: 1 GiB of weights written, opened, loaded and looked into."""
