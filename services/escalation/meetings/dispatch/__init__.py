"""Dispatch meetings: series, agendas drawn from the ledger, what was decided and what became of it."""
