"""Figures: the copied facts, and all lists and counts made from them."""
