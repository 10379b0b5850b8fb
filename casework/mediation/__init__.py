"""The mediation of a case, from its plan and its people to its agreement and its end."""
