"""The agreement and the end of a mediation."""
