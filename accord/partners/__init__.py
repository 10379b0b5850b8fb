"""Simulators of partners: they send a day of real shape, and drop, repeat, reorder and lie as real systems do."""
