"""Tables that every service has, as its migrations make them."""
