"""Prevention: warnings, clusters of like cases, recommendations and campaigns."""
