"""The commands of `accord`, each loaded when it is called."""
