"""Default ports, sizes and times."""

#: Port on which hekad and Hindsight listen, over UDP and TCP.
DEFAULT_PORT = 5565

#: Destination of ``heka.log`` unless ``$HEKA_TO`` or ``heka.configure(to=...)`` sets another one.
DEFAULT_TO = f"udp://localhost:{DEFAULT_PORT}"

#: Environment variable that sets the default destination.
TO_VARIABLE = "HEKA_TO"

#: Largest datagram in bytes. hekad with its default configuration truncates longer ones and joins
#: the next datagram to what is left.
DATAGRAM_SIZE = 8192

#: Largest UDP payload over IPv4 in bytes: 65,535 less the IP and UDP headers.
DATAGRAM_MAX = 65_507

#: Back-off in seconds after a destination failed: the first wait and the longest.
BACKOFF_FIRST = 0.1
BACKOFF_MAX = 30.0

#: Seconds that closing a TLS connection waits for the peer to close it too.
CLOSE_TIMEOUT = 1.0

#: Capacity of a queue in bytes of frames.
CAPACITY = 8 * 1024 * 1024

#: Bytes up to which a queue packs several frames into one datagram: fits an Ethernet frame without
#: IP fragmentation.
QUEUED_DATAGRAM_SIZE = 1400

#: Longest back-off in seconds between two attempts of a queue to connect.
QUEUED_BACKOFF_MAX = 0.9
