"""What reporters do with their receipt: add, correct, withdraw, rate, request a review."""
