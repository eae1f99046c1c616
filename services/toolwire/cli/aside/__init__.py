"""`dead` and `junk`: what services put aside, looked at, replayed, and thrown away by an operator."""

from typing import Literal

Kind = Literal["dead", "junk"]
