"""Clusters of like cases, and recommendations to departments."""
