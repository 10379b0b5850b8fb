"""What the desk does with a report beside accepting or declining it: correct it."""
