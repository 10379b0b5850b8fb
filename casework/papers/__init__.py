"""Papers: forms, what they are filled with, their numbers, and the dossier."""
