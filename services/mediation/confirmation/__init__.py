"""Judicial confirmation: eligibility, application, bundle, result."""
