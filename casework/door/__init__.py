"""The door: reports and complaints, what kind of matter each is, how grave, and which ways are open."""
