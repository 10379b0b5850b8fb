"""What the desk does with a report besides accepting or declining it: correct it."""
