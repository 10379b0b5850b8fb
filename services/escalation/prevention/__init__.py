"""Prevention: warnings, recommendations on clusters of like cases, and campaigns."""
