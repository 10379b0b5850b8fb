"""Review of the answers to petitions: asked for, decided one level up, ended by a notice."""
