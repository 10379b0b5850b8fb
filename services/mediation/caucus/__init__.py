"""The caucus compartment, and the sheet of undisputed facts that alone may leave it."""
