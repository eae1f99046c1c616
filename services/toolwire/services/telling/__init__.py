"""What is told of a job: events, progress and output, from the tool to the broker."""
