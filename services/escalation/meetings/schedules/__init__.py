"""What comes round again: which times have come, and which were done."""
