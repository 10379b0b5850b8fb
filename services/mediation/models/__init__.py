"""The tables of mediation, one module a noun."""
