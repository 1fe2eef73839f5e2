"""Exceptions of configurations are also those that older programs catch."""

from __future__ import annotations

import configparser
import copy
import pickle

import pytest

from heka.exceptions import (
    ConfigError,
    ConfigWarning,
    EnvironmentNotFoundError,
    HekaError,
    InvalidArgumentError,
    MethodNotFoundError,
)


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        pytest.param(
            InvalidArgumentError("x"), (ConfigError, RuntimeError, ValueError), id="argument"
        ),
        pytest.param(
            EnvironmentNotFoundError("X"), (ConfigError, configparser.Error), id="environment"
        ),
        pytest.param(MethodNotFoundError("x"), (ConfigError, configparser.Error), id="method"),
    ],
)
def test_error_is_caught_as_old_and_as_new(error, kinds):
    """Each is a HekaError, a ConfigError, and the exception that older libraries raised."""
    assert isinstance(error, HekaError)
    assert all(isinstance(error, kind) for kind in kinds)


def test_missing_variable_is_named_with_its_place():
    error = EnvironmentNotFoundError("HOST", "[heka] stream_host")

    assert error.varname == "HOST"
    assert str(error).startswith("[heka] stream_host: environment variable 'HOST' is not set")
    assert error.message == str(error)


@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_missing_variable_survives_a_copy(again):
    error = again(EnvironmentNotFoundError("HOST", "[heka] stream_host"))

    assert (error.varname, error.where) == ("HOST", "[heka] stream_host")
    assert str(error) == str(EnvironmentNotFoundError("HOST", "[heka] stream_host"))


def test_warning_is_shown_by_default():
    """A UserWarning: unlike a DeprecationWarning, Python shows it wherever it comes from."""
    assert issubclass(ConfigWarning, UserWarning)
