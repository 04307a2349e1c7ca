"""Many complete Pythons in one process, and packages of models for them."""
