"""The course of a case: the RPCs that move its state or that of its mediation, and what follows from deadlines."""
