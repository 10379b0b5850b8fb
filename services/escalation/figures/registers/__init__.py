"""Four lists and four ledgers, which are views of existing records; fixes of rules."""
