"""Tools in processes of their own."""
