"""Early warning: hazards and trends at places."""
