"""The way of an escalation: up a ladder, back down, and what stands at the top."""
