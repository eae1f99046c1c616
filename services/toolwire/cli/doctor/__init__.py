"""`toolwire doctor`: looks at everything that a call passes through, and says what is wrong and what to do.

Gathering and judging are apart. What was seen is a plain value; a check is a plain function from that value
to findings, so that every judgement is tested without a broker. Nothing here changes anything: no queue, no
file, no record.

    diagnosis      who looks at what, side by side and bounded in time
    sources, home  settings and the files of TOOLWIRE_HOME            (seen and judged without a network)
    keys           the keys of the client and of the server
    broker         reachable, its alarms, its cluster                 (seen by `toolwire.broker.look`)
    versions       the traps of each RabbitMQ version
    managed        what the management API tells
    permissions, queues, policies
    service        a signed round trip, and the clocks
    store          the service's store, read only                     (a file or a database)
    records        judges it, with `databases`
    report         for people, and as JSON
"""
