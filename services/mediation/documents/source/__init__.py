"""What documents are filled from: the tables of a case, never the caucus compartment."""
