"""Questions of a job to its owner, their answers, and what lasts from one attempt to the next."""
