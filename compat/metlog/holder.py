"""metlog.holder: the clients of a process, by name."""

from heka.holder import CLIENT_HOLDER, HekaClientHolder, get_client

__all__ = ["CLIENT_HOLDER", "MetlogClientHolder", "get_client"]

MetlogClientHolder = HekaClientHolder
