"""Dispatch meetings: series, agendas drawn from the ledger, decisions and their results."""
