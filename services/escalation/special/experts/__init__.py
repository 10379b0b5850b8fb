"""The pool of experts."""
