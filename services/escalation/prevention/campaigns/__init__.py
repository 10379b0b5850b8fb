"""Screening campaigns, and the transfer of their findings to intake."""
