"""A real broker for tests: one that is named, a container, or a private node."""
