"""A send beside a busy thread: C keeps the GIL, so the caller waits for no switch interval."""

from __future__ import annotations

import pytest
from delivery.support import Datagrams, Listener, run

#: Counts the sends during which the busy thread ran. The switch interval is longer than the whole
#: run; an interval that began before it was set may still end during one send.
SCRIPT = """
    steps, stop = [0], threading.Event()
    def busy():
        while not stop.is_set():
            steps[0] += 1
            time.sleep(0)
    def disturbed(send):
        count = 0
        for _ in range(10):
            before = steps[0]
            send()
            count += steps[0] != before
        return count
    heka.log("t", to=sys.argv[1])
    thread = threading.Thread(target=busy)
    thread.start()
    sys.setswitchinterval(5)
    time.sleep(0.01)
    ours = disturbed(lambda: heka.log("t", to=sys.argv[1]))
    stop.set()
    thread.join()
    tell(ours=ours, **heka.stats())
"""


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_send_does_not_release_the_gil(peer, kind, slow_send):
    there = peer(Datagrams if kind == "udp" else Listener)

    done = run(SCRIPT, f"{kind}://127.0.0.1:{there.port}", preload=slow_send)

    assert done.facts["sent"] == 11
    assert done.facts["ours"] <= 2
