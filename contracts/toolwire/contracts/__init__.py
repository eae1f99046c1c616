"""The wire protocol: what a message is, who may have written it, and what it means.

Nothing here does I/O, reads a clock or draws a random number: the time, ids and keys are arguments.
"""
