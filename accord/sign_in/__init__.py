"""Signing in from the command line: by browser, on another device, or with the key of a service account."""
