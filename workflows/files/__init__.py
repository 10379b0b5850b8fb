"""Files of supervision: the workflow that keeps their clocks and sends findings of a campaign to intake."""
