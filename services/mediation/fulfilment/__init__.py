"""What was performed of an agreement, and what follows a default."""
