"""Four lists and four ledgers, views over what is recorded anyway; fixes of rules."""
