"""Items that other offices hand on by their systems, and what became of them."""
