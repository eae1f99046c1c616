# Every target is one line to bootstrap.py, so that `python3 bootstrap.py TARGET` does the same where make is missing.
.PHONY: demo test unit test-versions containers fuzz every-byte chaos bench spec lint types help

help:  ; @python3 bootstrap.py help
demo:  ; @python3 bootstrap.py demo
test:  ; @python3 bootstrap.py test
unit:  ; @python3 bootstrap.py unit
test-versions: ; @python3 bootstrap.py test-versions
containers: ; @python3 bootstrap.py containers
fuzz:  ; @python3 bootstrap.py fuzz
every-byte: ; @python3 bootstrap.py every-byte
chaos: ; @python3 bootstrap.py chaos
bench: ; @python3 bootstrap.py bench
spec:  ; @python3 bootstrap.py spec
lint:  ; @python3 bootstrap.py lint
types: ; @python3 bootstrap.py types
