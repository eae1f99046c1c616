"""The promises that Toolwire makes, as data. Each is proven by the tests that carry its name.
A test names them with `@pytest.mark.promise("P4")`.
"""

PROMISES = {
    "P1": "Verify first: no byte is parsed before its signature is verified, and only verified bytes are "
    "parsed.",
    "P2": "Nothing unsigned decides what runs, for whom, or where the answer goes. Wake-up hints carry an id "
    "at most; the receiver re-reads the store.",
    "P3": "The key names the algorithm: a message names a key; its owner, algorithm and validity are "
    "configuration.",
    "P4": "Once: one (server_id, client_id, request_id) executes at most once, unless the tool declares that "
    "it may run again; a duplicate gets the stored answer, another meaning under the same id gets "
    "request_id_conflict.",
    "P5": "Yours only: every record is reached through the authenticated client; another's job and no job "
    "look alike.",
    "P6": "Answers go home: to queues derived from the authenticated client, and to watchers that the "
    "registry names. Unauthenticated input gets no answer at all.",
    "P7": "One ending: the caller's await ends by its deadline with one signed answer or one typed local "
    "error. An accepted job reaches exactly one final state, told by event and by poll alike. Nothing "
    "hangs silently.",
    "P8": "Nothing confirmed is lost: what the broker or the store has confirmed survives kill -9 of any "
    "process.",
    "P9": "One bad message costs one message: never a connection, a consumer, a replica or a neighbour.",
    "P10": "A stale worker cannot finish: only the holder of the current lease token may write an outcome.",
}
