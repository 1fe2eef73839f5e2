"""Decides by a name whether its value is a secret.

A name is split into words at underscores, hyphens, dots and changes of case. It names a secret if
one of its words does (``db_pass``, ``X-Api-Key``), unless the words around say that the value
describes the secret: ``max_tokens``, ``cookies_enabled``, ``password_min_length``.
"""

from __future__ import annotations

import functools

from heka._secrets.pattern import Pattern
from heka._secrets.text import text_of

#: Longest name that is examined.
LONGEST_NAME = 200

_CAMEL = Pattern(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SPLIT = Pattern(r"[^a-z0-9]+")
_DIGITS = "0123456789"
#: Words that name a secret when they stand alone in a name: ``pin`` does in user_pin, not in spin.
_WORDS = frozenset(
    {
        *("auth", "authkey", "authtoken", "bearer", "csrf", "cvc", "cvv", "jwt", "otp", "pass"),
        *("passwd", "passwort", "pin", "pw", "pwd", "pwds", "session", "sid", "signature"),
        *("symfony", "totp", "xsrf", "phpsessid", "jsessionid", "sessid", "sessionid"),
    }
)
#: Whole names of secrets from sentry-sdk's list; a leading HTTP_ is ignored.
_WHOLE = frozenset({"x_forwarded_for", "x_real_ip", "remote_addr", "ip_address"})
#: Parts of words that name a secret: dbpassword, PGPASSWORD, csrfmiddlewaretoken.
_PART = Pattern(
    r"password|passwd|passphrase|passcode|authori[sz]ation|credential"
    r"|(?:api|access|account|auth|private|secret|signing|encryption|master)key"
    r"|(?:secret|token|cookie|pwd|sessionid|sessid|jwt)s?$"
)
#: ``key`` names a secret behind one of these words only.
_KEYS = frozenset(
    {
        *("access", "account", "aes", "api", "auth", "consumer", "crypto", "decryption"),
        *("encryption", "fernet", "hmac", "master", "private", "rsa", "secret", "session"),
        *("shared", "signature", "signing", "ssh", "webhook"),
    }
)
#: Last words that make a name describe a secret: password_length, token_type.
_ABOUT = frozenset(
    {
        *("accepted", "age", "algo", "algorithm", "algorithms", "allowed", "at", "attempts"),
        *("backend", "backends", "banner", "bucket", "budget", "callback", "class", "classes"),
        *("close", "column", "consent", "cost", "count", "counter", "counts", "created", "day"),
        *("days", "dir", "disabled", "domain", "duration", "enabled", "end", "ended", "endpoint"),
        *("engine", "entropy", "error", "errors", "exempt", "expiration", "expire", "expired"),
        *("expires", "expiry", "factory", "failed", "failure", "failures", "field", "fields"),
        *("file", "filename", "format", "handler", "hasher", "hashers", "help", "hint", "host"),
        *("hour", "hours", "httponly", "index", "invalid", "issued", "kind", "label", "len"),
        *("length", "level", "lifetime", "limit", "limits", "maker", "manager", "max", "maximum"),
        *("method", "methods", "middleware", "min", "minimum", "minute", "minutes", "missing"),
        *("mode", "model", "ms", "name", "names", "num", "offset", "ok", "on", "optional"),
        *("origins", "path", "pattern", "percent", "percentage", "placeholder", "policy", "port"),
        *("position", "present", "price", "prompt", "protect", "protection", "provider", "quota"),
        *("rate", "realm", "regex", "remaining", "request", "required", "retries", "samesite"),
        *("scheme", "scopes", "score", "second", "seconds", "secure", "serializer", "server"),
        *("service", "size", "sizes", "span", "start", "started", "status", "storage", "store"),
        *("strength", "succeeded", "success", "supported", "timeout", "total", "ttl", "type"),
        *("types", "updated", "uri", "url", "urls", "usage", "used", "valid", "validation"),
        *("validator", "validators", "verified", "version", "view", "views", "window"),
    }
)
#: Last words that do so for one word only.
_ABOUT_ONE = {
    "pass": frozenset({"by", "fail", "number", "ratio", "thru", "through"}),
}
#: First words of names whose value is yes or no.
_QUESTIONS = frozenset(
    {
        *("allow", "disable", "enable", "has", "is", "needs", "no", "require", "requires", "skip"),
        *("supports", "verify", "without"),
    }
)
#: First words that make a plural a number: max_tokens.
_COUNTING = frozenset({"avg", "count", "max", "mean", "min", "n", "num", "number", "sum", "total"})
#: Words beside ``tokens`` in names of language models, where tokens are pieces of text.
_PIECES = frozenset(
    {
        *("audio", "available", "billed", "cached", "completion", "consumed", "context"),
        *("generated", "image", "input", "output", "per", "prompt", "reasoning"),
        *("remaining", "special", "stop", "text", "thinking", "unused", "used"),
    }
)
#: Words directly before a word that make it harmless.
_BEFORE = {
    "token": frozenset({"bos", "cls", "eos", "mask", "pad", "sep", "unk"}),
    "pass": frozenset(
        {"band", "boarding", "by", "first", "high", "low", "multi", "one", "second", "single"}
    ),
    "pin": frozenset({"gpio", "led"}),
    "signature": frozenset({"call", "function", "method", "type"}),
}
#: The previous folder of a shell, and a word for having no password.
_HARMLESS = frozenset({"OLDPWD", "passwordless"})


def is_secret_name(name: object) -> bool:
    """Return whether *name*, text or bytes, is the name of a secret."""
    if type(name) is str:
        return is_secret_text(name)
    text = text_of(name, LONGEST_NAME + 1)
    return text is not None and is_secret_text(text)


@functools.lru_cache(4096)
def is_secret_text(name: str) -> bool:
    """Return whether *name*, exactly a str, is the name of a secret."""
    if len(name) > LONGEST_NAME or name in _HARMLESS:
        return False
    split = _SPLIT.split(_CAMEL.sub("_", name).lower())
    words = [word.strip(_DIGITS) for word in split]
    words = [word for word in words if word]
    whole = "_".join(words)
    if whole.removeprefix("http_") in _WHOLE:
        return True
    for index in reversed(range(len(words))):
        if _names_secret(words, index):
            return not _is_about(words, index)
    return False


def _names_secret(words: list[str], index: int) -> bool:
    word = words[index]
    if word in ("key", "keys"):
        return index > 0 and words[index - 1] in _KEYS
    return word in _WORDS or (_PART.search(word) is not None and word not in _HARMLESS)


def _is_about(words: list[str], index: int) -> bool:
    """Return whether the words around ``words[index]`` make the name describe a secret."""
    word = words[index]
    before, after = words[:index], words[index + 1 :]
    if after and (after[-1] in _ABOUT or after[-1] in _ABOUT_ONE.get(word, ())):
        return True
    if not before:
        return False
    if before[0] in _QUESTIONS or before[-1] in _BEFORE.get(word, ()):
        return True
    if word.endswith("s") and word != "pass":
        return before[0] in _COUNTING or (word == "tokens" and not _PIECES.isdisjoint(before))
    return False
