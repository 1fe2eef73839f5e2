"""Numbers and addresses that hold where nobody says otherwise."""

#: Where hekad and Hindsight listen, for UDP and TCP alike.
DEFAULT_PORT = 5565

#: Where ``heka.log`` sends, unless ``$HEKA_TO`` or ``heka.configure(to=...)`` says otherwise.
DEFAULT_TO = f"udp://localhost:{DEFAULT_PORT}"

#: Names the destination from outside the program.
TO_VARIABLE = "HEKA_TO"

#: Bytes of a datagram; a default hekad cuts longer ones and glues the next one on.
DATAGRAM_SIZE = 8192

#: Bytes that UDP over IPv4 can carry: 65,535 less the IP and UDP headers.
DATAGRAM_MAX = 65_507

#: Seconds before a destination that failed is tried again: the first wait, and the longest.
BACKOFF_FIRST = 0.1
BACKOFF_MAX = 30.0

#: Seconds that closing waits for a peer to say that it has read everything, over TLS.
CLOSE_TIMEOUT = 1.0

#: Bytes of frames that a queue holds.
CAPACITY = 8 * 1024 * 1024

#: Bytes that a queue packs frames together up to: a datagram that fits any Ethernet uncut.
QUEUED_DATAGRAM_SIZE = 1400

#: Seconds of the longest wait between two tries of a queue to connect.
QUEUED_BACKOFF_MAX = 0.9
