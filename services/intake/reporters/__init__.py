"""What reporters do with their receipt."""
