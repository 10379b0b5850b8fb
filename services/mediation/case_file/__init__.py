"""A party's own file: everything here that concerns the party, and nothing else."""
