"""A file of people: who has which post of a unit on which days, and who is absent; compared, then applied."""
