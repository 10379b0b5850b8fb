"""How long tests wait for something that must happen: bounds that end a hanging test, never a measure of speed."""

PATIENCE = 300.0
"""Seconds to wait for something to happen: what a killed worker had in hand may be tried again more than once."""
CALL = 90.0
"""Seconds to wait for the answer to one call; less than `PATIENCE`, so that a call nobody answers is made again."""
