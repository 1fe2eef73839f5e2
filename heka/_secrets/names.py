"""Names whose values are secrets, and names that only look like those.

A name is split into words at underscores, hyphens, dots and changes of case. It names a secret if
one of its words does (``db_pass``, ``X-Api-Key``), unless the words around say that the value
describes the secret: ``max_tokens``, ``cookies_enabled``, ``password_min_length``.
"""

from __future__ import annotations

import functools

from heka._secrets.pattern import Pattern

#: Characters of the longest name that is looked at.
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
#: Names that are secrets as a whole, an HTTP_ in front not counted: sentry-sdk's list of them.
_WHOLE = frozenset({"x_forwarded_for", "x_real_ip", "remote_addr", "ip_address"})
#: A word that holds one of these names a secret: dbpassword, PGPASSWORD, csrfmiddlewaretoken.
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
#: What the last word of a name says about a secret, instead of being one.
_ABOUT = frozenset(
    {
        *("age", "algo", "algorithm", "algorithms", "allowed", "at", "attempts", "backend"),
        *("backends", "callback", "class", "classes", "column", "count", "counter", "counts"),
        *("created", "days", "dir", "disabled", "domain", "enabled", "endpoint", "error"),
        *("errors", "exempt", "expiration", "expire", "expired", "expires", "expiry", "factory"),
        *("failed", "failures", "field", "fields", "file", "filename", "format", "handler"),
        *("hasher", "hashers", "help", "hint", "hours", "httponly", "invalid"),
        *("issued", "kind", "label", "len", "length", "level", "lifetime", "limit", "limits"),
        *("maker", "manager", "max", "maximum", "method", "methods", "middleware", "min"),
        *("minimum", "minutes", "missing", "mode", "ms", "name", "names", "num", "on", "optional"),
        *("path", "pattern", "placeholder", "policy", "present", "prompt", "protect"),
        *("protection", "provider", "quota", "rate", "regex", "remaining", "required", "second"),
        *("retries", "samesite", "scheme", "scopes", "seconds", "secure", "serializer", "size"),
        *("sizes", "status", "storage", "store", "strength", "supported", "timeout", "total"),
        *("ttl", "type", "types", "updated", "uri", "url", "urls", "usage", "used", "valid"),
        *("validation", "validator", "validators", "version", "view", "views", "window"),
    }
)
#: Last words that say so of one word only.
_ABOUT_ONE = {
    "pass": frozenset({"by", "fail", "number", "ratio", "thru", "through"}),
}
#: A name that begins so asks a question: its value says yes or no.
_QUESTIONS = frozenset({"has", "is", "needs", "no", "requires", "supports", "without"})
#: In front of several tokens or cookies these count them.
_COUNTING = frozenset({"avg", "count", "max", "mean", "min", "n", "num", "number", "sum", "total"})
#: What language models call pieces of text, which are no secrets.
_PIECES = frozenset(
    {
        *("audio", "available", "billed", "cached", "completion", "consumed", "context"),
        *("generated", "image", "input", "output", "per", "prompt", "reasoning"),
        *("remaining", "special", "stop", "text", "thinking", "unused", "used"),
    }
)
#: What stands directly in front of one word and makes it harmless.
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
    """Say whether what has this *name*, text or bytes, is a secret."""
    kind = type(name)
    if kind is str:
        return is_secret_text(name)
    # By identity: the class of a name may be the program's, and answer anything when asked.
    if issubclass(kind, str):
        return is_secret_text(str.__str__(name))
    for base in (bytes, bytearray):
        if issubclass(kind, base):
            start = base.__getitem__(name, slice(LONGEST_NAME + 1))  # type: ignore[call-overload]
            return is_secret_text(str(start.decode("latin-1")))
    return False


@functools.lru_cache(4096)
def is_secret_text(name: str) -> bool:
    """Say the same of a *name* that is exactly a str."""
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
    """Say whether the words around the last that names a secret say that it is described."""
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
