"""A party's own file: everything stored here about the party, and nothing else."""
