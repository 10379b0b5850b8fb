"""Sends notices: claims what is due, asks how people are reached, hands it to a channel, records what became of it."""
