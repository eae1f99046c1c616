# Every target is one line to bootstrap.py, so that `python3 bootstrap.py TARGET` does the same where make is missing.
.PHONY: demo test unit lint types help

help:  ; @python3 bootstrap.py help
demo:  ; @python3 bootstrap.py demo
test:  ; @python3 bootstrap.py test
unit:  ; @python3 bootstrap.py unit
lint:  ; @python3 bootstrap.py lint
types: ; @python3 bootstrap.py types
