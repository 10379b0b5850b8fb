"""Figures: the facts taken over, and all that is listed and counted by them."""
