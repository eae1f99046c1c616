"""Holds asyncapi.yaml against AsyncAPI's own JSON Schema: `python -m spec.validate`."""
