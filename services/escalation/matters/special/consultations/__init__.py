"""Consultations of experts."""
