"""What rooms are taken for beside sessions."""
