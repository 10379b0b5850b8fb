"""Erasure of a case's data: asked for, decided by another person, carried to every service."""
