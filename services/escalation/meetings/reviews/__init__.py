"""Review of the answers to petitions: requested, decided one level up, ended by a notice."""
