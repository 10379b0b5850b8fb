"""The people of a case: parties, companions, and who accessed their data."""
