"""Who holds what: which official answers for which part of a file."""
