"""Homes, keys and registries: made, read and changed."""
