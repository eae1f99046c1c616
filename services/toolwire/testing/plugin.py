"""The pytest plugin: `toolwire_broker`, `toolwire_service` and `toolwire_client`."""
