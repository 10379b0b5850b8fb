"""The field itself, pure Python: standard library only, no I/O, no reading of the clock."""
