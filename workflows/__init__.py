"""Time and order: next steps, timers, retries, and which service to call. No facts, no personal data, no calendar."""
