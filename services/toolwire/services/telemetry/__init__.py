"""A look inside a replica: `Signals` tell what happens; figures, log lines and checks are made of them."""
