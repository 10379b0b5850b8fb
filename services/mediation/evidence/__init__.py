"""Evidence files and notes of investigations."""
