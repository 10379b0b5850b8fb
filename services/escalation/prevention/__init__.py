"""Prevention: warnings, recommendations on clusters of similar cases, and campaigns."""
