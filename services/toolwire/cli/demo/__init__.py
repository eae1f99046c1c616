"""The demonstration: the whole system at work, on a real broker, with two real replicas.

python -m toolwire.cli.demo

`story` is what happens and what must come of it; `stage` is what it happens on: a broker, keys, replicas.
"""
