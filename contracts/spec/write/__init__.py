"""What in this folder is generated: vectors, schemas and asyncapi.yaml, each from one module here."""
