"""What is checked of every request before its handler: what it names, and who is kept from it."""
