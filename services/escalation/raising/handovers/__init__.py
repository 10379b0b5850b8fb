"""Hand-overs: what an official holds goes to a successor, who acknowledges it."""
