"""The plan of a case: tasks added to it, its versions and how they change."""
