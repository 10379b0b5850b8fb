"""Portable case files that come in: each becomes a report, with what happened elsewhere attached as it was."""
