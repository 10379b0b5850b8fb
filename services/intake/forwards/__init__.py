"""Forwards: a report that came to the wrong unit is forwarded to another one, which takes it over or sends it back."""
