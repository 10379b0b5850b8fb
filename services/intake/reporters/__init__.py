"""What reporters do by their receipt."""
