"""What documents are filled from: read out of the tables of a case, never out of the caucus compartment."""
