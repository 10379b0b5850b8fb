"""The course of an escalation: up a ladder, back down, and what happens at the top."""
