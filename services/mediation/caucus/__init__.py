"""The caucus compartment, and the sheet of undisputed facts, the only thing that may leave it."""
