"""Writes a server's catalogue as a Python module of typed declarations.

The catalogue is signed, but what it says is still somebody else's text: every name is made an identifier, and
every other text becomes a string literal, so that nothing in it can become code.
"""
