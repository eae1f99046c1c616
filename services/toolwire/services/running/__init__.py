"""What runs a tool: slots, leases, attempts and their ends."""
