"""Files of supervision: the workflow that keeps their clocks, and carries findings of a campaign to the door."""
