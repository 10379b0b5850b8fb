"""Erasure of a case's data: requested, decided by another person, carried out in every service."""
