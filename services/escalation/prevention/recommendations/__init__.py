"""Clusters of similar cases, and recommendations to departments."""
