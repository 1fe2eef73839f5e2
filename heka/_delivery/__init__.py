"""Delivery: sends frames to their destination, synchronously or from a queue with its own thread.

::

    producers --> Ring --> Drain --> Outlet --> kernel
                  (C)      (one thread for each destination)

With a queue, a producer puts a frame into the ring and returns. The drain connects, sends, waits
and tries again; a frame stays in the ring until the peer's kernel has acknowledged it. See
docs/explanation/delivery.md.
"""
