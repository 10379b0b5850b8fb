"""The command line of Accord and the supervisor of its embedded stack."""
