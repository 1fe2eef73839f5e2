"""Locks of Python code that another thread holds at a fork: the child has new ones."""

from __future__ import annotations

import pytest
from delivery.support import Listener, run

#: locks(): name -> each lock that a module of heka, or an object of one of its classes, holds.
LOCKS = """
    import gc, importlib, pkgutil
    KINDS = (type(threading.Lock()), type(threading.RLock()))
    def locks():
        found = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == "heka":
                for key, value in vars(module).items():
                    if type(value) in KINDS:  # isinstance() runs code of some objects
                        found[f"{name}.{key}"] = value
        for thing in gc.get_objects():
            if str(type(thing).__module__).partition(".")[0] != "heka":
                continue
            for key, value in (getattr(thing, "__dict__", None) or {}).items():
                if type(value) is threading.Condition:
                    value = value._lock
                if type(value) in KINDS:
                    found[f"{type(thing).__module__}.{type(thing).__name__}.{key}"] = value
        return found
    for module in pkgutil.walk_packages(heka.__path__, "heka."):
        # The session needs a driver that no test requires; it holds no lock of a module.
        if not module.name.endswith(("__main__", "pytest_plugin", "cassandra_session")):
            importlib.import_module(module.name)
"""


def test_a_child_inherits_no_lock_that_another_thread_holds(tmp_path):
    """Found by looking at every module and object: a new lock cannot be forgotten."""
    done = run(
        LOCKS
        + """
    kept = [heka.logging.HekaHandler("tcp://127.0.0.1:9"),
            heka.streams.UdpStream("127.0.0.1", 9), heka.holder.HekaClient(None, "app"),
            heka.streams.UrlStream("tcp://127.0.0.1:9?queue=1")]
    held, gate = threading.Event(), threading.Event()
    before = locks()
    def hold():
        for lock in before.values():
            if lock is not heka._runtime.forks._imports:  # which a fork waits for
                lock.acquire()
        held.set()
        gate.wait()
    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    held.wait()
    pid = os.fork()
    if not pid:
        tell(locked=[name for name, lock in locks().items() if not lock.acquire(False)])
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    tell(names=sorted(before))
    os._exit(0)
    """
    )

    assert done.facts["locked"] == []
    assert {"heka.api._lock", "heka.logging._hooking", "heka._net.resolver._lock"} <= set(
        done.facts["names"]
    )
    assert "heka.streams.lanes.Lane._lock" in done.facts["names"]
    assert "heka._delivery.queue.Queue._lock" in done.facts["names"]


@pytest.mark.parametrize("queue", ["", "?queue=1"])
def test_a_fork_waits_for_what_another_thread_imports(peer, queue):
    """The import system's lock of a module is renewed by nobody: the child would wait for ever."""
    there = peer(Listener)
    done = run(
        """
        class Slow:
            def find_spec(self, name, path=None, target=None):
                if name == "ssl" and not started.is_set():
                    started.set()
                    time.sleep(0.5)
        started = threading.Event()
        sys.meta_path.insert(0, Slow())
        thread = threading.Thread(target=lambda: heka.log("t", to=sys.argv[1], timeout=0))
        thread.start()
        started.wait()
        pid = os.fork()
        if not pid:
            signal.alarm(10)
            import ssl
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        thread.join()
        tell(status=status)
        """,
        f"tls://127.0.0.1:{there.port}{queue}",
    )

    assert done.facts == {"status": 0}
