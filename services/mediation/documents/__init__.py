"""Documents of a case: filled from the facts, filed in versions, handed out as one dossier."""
