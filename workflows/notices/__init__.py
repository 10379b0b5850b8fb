"""Sends notices: claims due ones, asks how people can be reached, uses a channel, records the outcome."""
