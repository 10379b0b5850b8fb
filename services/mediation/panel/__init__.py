"""The panel of a mediation: second mediators and assessors beside the mediator of record."""
