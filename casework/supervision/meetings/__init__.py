"""Dispatch meetings, what comes round again, and reviews of answers to petitions."""
