"""How fast Toolwire and its peers are, measured in turn on the same broker: `make bench`."""
