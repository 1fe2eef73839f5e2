"""The holder of a process's clients: one client per name, one of them the default."""

from __future__ import annotations

import copy
import io
import os
import signal
import threading

import pytest
from client.config_support import ini

from heka import holder
from heka.client import HekaClient
from heka.config import dict_from_stream_config
from heka.exceptions import ConfigError, ConfigWarning
from heka.holder import HekaClientHolder, get_client

STREAM = {"class": "client.config_support.Recorder"}


@pytest.fixture
def clients(monkeypatch):
    """A new holder in place of the process's."""
    own = HekaClientHolder()
    monkeypatch.setattr(holder, "CLIENT_HOLDER", own)
    return own


def test_client_is_made_once(clients):
    client = clients.get_client("app")

    assert type(client) is HekaClient
    assert client.logger == "app"
    assert not client.is_active
    assert clients.get_client("app") is client
    assert clients.get_client("other") is not client


def test_first_client_is_the_default(clients):
    assert clients.default_client is None
    first = clients.get_client("first")
    clients.get_client("second")

    assert clients.default_client is first
    assert clients.get_client(None) is first


def test_client_set_first_is_the_default(clients):
    client = HekaClient(stream=None, logger="x")

    clients.set_client("app", client)
    clients.set_client("other", HekaClient(stream=None, logger="y"))

    assert clients.get_client("app") is client
    assert clients.default_client is client


def test_default_is_chosen_by_name(clients):
    clients.get_client("first")
    second = clients.get_client("second")

    clients.set_default_client_name("second")

    assert clients.default_client is second


def test_default_may_be_named_before_it_comes(clients):
    clients.set_default_client_name("late")
    clients.get_client("early")
    assert clients.default_client is None

    late = clients.get_client("late")

    assert clients.default_client is late


def test_deleted_client_is_forgotten(clients):
    first = clients.get_client("first")
    second = clients.get_client("second")

    clients.delete_client("first")
    clients.delete_client("never there")

    assert clients.default_client is None
    assert clients.get_client(None) is None
    assert clients.get_client("second") is second
    assert clients.get_client("first") is not first
    assert clients.default_client is None


def test_no_default_client_is_none(clients):
    assert get_client(None) is None


def test_default_client_by_none(clients):
    client = get_client("app")

    assert get_client(None) is client


@pytest.mark.parametrize("name", [5, b"app", ("app",)])
def test_name_is_text(clients, name):
    with pytest.raises(TypeError, match="expected the name of a client as str, got"):
        get_client(name)


def test_threads_get_one_client(clients):
    barrier = threading.Barrier(8)
    found = []

    def find():
        barrier.wait()
        found.append(clients.get_client("app"))

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len({id(client) for client in found}) == 1


def test_configuration_is_applied(clients):
    """An existing client is configured in place."""
    client = get_client("app")

    found = get_client("app", {"stream": STREAM, "severity": 3})

    assert found is client
    assert client.is_active
    assert (client.logger, client.severity) == ("app", 3)


def test_default_client_is_configured_by_none(clients):
    client = get_client("app")

    assert get_client(None, {"stream": STREAM}) is client
    assert (client.logger, client.is_active) == ("app", True)


def test_no_default_client_cannot_be_configured(clients):
    with pytest.raises(ConfigError, match="there is no default client to configure"):
        get_client(None, {"stream": STREAM})


def test_dict_is_not_changed(clients):
    """heka-py 0.30 stored the first client's name in it and then refused the second client."""
    config = {"stream": dict(STREAM)}
    before = copy.deepcopy(config)

    get_client("one", config)
    get_client("two", config)

    assert config == before


@pytest.mark.parametrize("logger", ["app", "", None])
def test_logger_may_be_said_or_not(clients, logger):
    assert get_client("app", {"stream": STREAM, "logger": logger}).logger == "app"


def test_logger_of_another_name_is_refused(clients):
    """As a ValueError, as in heka-py 0.30; no client is created."""
    with pytest.raises(ValueError, match=r"'logger'.: expected 'app', .* got 'other'"):
        get_client("app", {"stream": STREAM, "logger": "other"})

    assert clients.default_client is None


def test_wrong_configuration_leaves_the_client(clients):
    client = get_client("app", {"stream": STREAM})
    stream = client.stream

    with pytest.raises(ConfigError):
        get_client("app", {"stream": {"class": "no.such.stream"}})

    assert get_client("app").stream is stream


@pytest.mark.parametrize("config", [[("stream", STREAM)], "text", 5])
def test_configuration_is_a_dict(clients, config):
    with pytest.raises(ConfigError, match="expected the configuration as a dict"):
        get_client("app", config)


def test_configuration_that_was_read_knows_its_places(clients):
    config = dict_from_stream_config(io.StringIO(ini("severity = 9")), "heka")

    with pytest.raises(ConfigError, match=r"^\[heka\] severity: "):
        get_client("app", config)


def test_unknown_key(clients):
    with pytest.warns(ConfigWarning, match="did you mean 'logger'") as caught:
        get_client("app", {"stream": STREAM, "loger": "app"})
    assert caught[0].filename == __file__

    with pytest.raises(ConfigError, match="did you mean 'logger'"):
        get_client("app", {"stream": STREAM, "loger": "app"}, strict=True)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_lock_held_over_a_fork_does_not_stop_the_child(clients):
    """The parent's thread that holds the lock does not exist in the child."""
    held, done = threading.Event(), threading.Event()

    def hold():
        with clients.lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)  # ends a child that waits for ever
            clients.get_client("app")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        done.set()
        thread.join()


def test_process_has_one_holder():
    assert isinstance(holder.CLIENT_HOLDER, HekaClientHolder)
