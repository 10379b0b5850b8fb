"""Supervision: escalation, letters, the ledger, meetings, prevention, figures."""
