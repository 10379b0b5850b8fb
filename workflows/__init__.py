"""Time and order: what happens next, timers, retries, who is asked. No facts, no personal data, no calendar."""
