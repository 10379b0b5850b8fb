"""The domain itself, pure Python: standard library only, no I/O, never reads the clock."""
