"""Offers: a unit offers a case or a task to another one, which accepts or declines."""
