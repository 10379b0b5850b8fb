"""The course of a case: the RPCs that change its state or that of its mediation, and the consequences of deadlines."""
