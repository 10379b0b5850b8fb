"""The demonstration: an invented day of disputes, played through the doors of a real stack by people in their roles."""
