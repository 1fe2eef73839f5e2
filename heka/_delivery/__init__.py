"""Delivery: frames from a queue to their destination, by a thread of their own.

::

    producers --> Ring --> Drain --> Outlet --> kernel
                  (C)      (one thread for each destination)

A producer puts a frame into the ring and goes on. The drain connects, sends, waits and tries again;
what the peer's kernel has not acknowledged stays in the ring. See docs/delivery.md.
"""
