"""What makes tools of functions: decorators, their options and what they come to."""
