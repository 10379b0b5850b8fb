"""Cases: the workflow that carries one from receipt to closing, and what it has services do."""
