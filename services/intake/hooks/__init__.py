"""Subscriptions of other systems to events, and what could not be delivered to them."""
