"""The people of a case: parties, who accompanies them, who looked at them."""
