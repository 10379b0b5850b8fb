"""Objections to a dispatch: a unit declares that it is not competent, and the unit above both decides."""
