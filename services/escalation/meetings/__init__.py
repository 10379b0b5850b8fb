"""Dispatch meetings, reviews of answers to petitions, and what comes round again."""
