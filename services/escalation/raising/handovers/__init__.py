"""Hand-overs: what an official holds passes to a successor, who acknowledges it."""
