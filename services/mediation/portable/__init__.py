"""Portable case files: what of a case leaves in one, and who may take it out."""
