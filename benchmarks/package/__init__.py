"""What a package costs: opening, memory, looking inside, the first call."""
