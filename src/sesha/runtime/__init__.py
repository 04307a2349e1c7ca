"""Interpreters, pools of them, and what crosses between them."""
