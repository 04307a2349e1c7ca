"""Packages: one file that holds a model's Python code and its data."""
