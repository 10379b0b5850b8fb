"""Objections to a dispatch: not ours, says a unit, and the unit above both decides."""
