"""What a replica looks after while it runs: what others left behind, its store, its registry."""
