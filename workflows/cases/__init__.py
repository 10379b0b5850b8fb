"""Cases: the workflow that takes a case from receipt to closing, and the service calls it makes."""
