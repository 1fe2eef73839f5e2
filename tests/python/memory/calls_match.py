"""Calls on matchers: Matcher, Clause, heka.matcher.compile."""

from __future__ import annotations

import pickle
from functools import partial as do

from python.memory.table import Calls

import heka
from heka import _core, matcher
from heka._core import Clause, Matcher

CALLS = Calls()
add = CALLS.add

REGEX = "Payload =~ /a.c/ || Type == 'é' || Fields[x] != NIL"

add("matcher", lambda w: do(Matcher, "Type == 'a' && Fields[x] > 3"))
add("matcher-dialect", lambda w: do(Matcher, text="Signer == ''", dialect="heka2"))
add("matcher-wide", lambda w: do(Matcher, "Type == 'é' || Type =~ /[é-ü]+/"))
add("matcher-compile", lambda w: do(matcher.compile, REGEX, "heka2"))
add("regex", lambda w: do(_core.Regex, "(?P<a>.)(?P<b>é)?"))
add("regex-groups", lambda w: do(getattr, _core.Regex("(?P<a>.)(?P<b>x)?"), "groups"))
add("regex-captures", lambda w: do(_core.Regex("(?P<a>.)(?P<b>x)?").captures, w.blocks[0]))
add("regex-none", lambda w: do(_core.Regex), TypeError)
add("regex-type", lambda w: do(_core.Regex, w.blob), TypeError)
add("regex-wrong", lambda w: do(_core.Regex, "(?P<a>"), _core.MatcherError)
add("regex-surrogate", lambda w: do(_core.Regex, w.lone), UnicodeEncodeError)
add("regex-block", lambda w: do(_core.Regex("a").captures, w.blob), TypeError)
add("matcher-none", lambda w: do(Matcher), TypeError)
add("matcher-type", lambda w: do(Matcher, w.blob), TypeError)
add("matcher-dialect-type", lambda w: do(Matcher, "TRUE", w.number), heka.ConfigError)
add("matcher-dialect-unknown", lambda w: do(Matcher, "TRUE", w.text), heka.ConfigError)
add("matcher-wrong", lambda w: do(Matcher, "Typ == 'a'"), _core.MatcherError)
add("matcher-wrong-regex", lambda w: do(Matcher, "Type =~ /a(/"), _core.MatcherError)
add("matcher-surrogate", lambda w: do(Matcher, w.lone), _core.MatcherError)
add("matcher-message", lambda w: do(w.matcher.matches, w.message))
add("matcher-message-read", lambda w: do(w.matcher.matches, w.lengthy_read))
add("matcher-message-raw", lambda w: do(w.matcher.matches, w.raw))
add("matcher-message-broken", lambda w: do(w.matcher.matches, w.broken), heka.FieldError)
add("matcher-message-odd", lambda w: do(w.matcher.matches, w.odd))
add("matcher-bytes", lambda w: do(w.matcher.matches, w.payload))
add("matcher-bytes-wrong", lambda w: do(w.matcher.matches, w.payload[:-1]), heka.DecodeError)
add("matcher-frames", lambda w: do(lambda: [w.matcher.matches(frame) for frame in w.frames]))
add("matcher-matches-type", lambda w: do(w.matcher.matches, w.text), TypeError)
add("matcher-explain", lambda w: do(w.matcher.explain, w.message))
add("matcher-explain-type", lambda w: do(w.matcher.explain, w.number), TypeError)
add("matcher-count", lambda w: do(lambda: [w.matcher.count(block) for block in w.blocks]))
add("matcher-filter", lambda w: do(lambda: [w.matcher.filter(block) for block in w.blocks]))
add("matcher-filter-none", lambda w: do(Matcher("FALSE").filter, w.blocks[0]))
add("matcher-filter-type", lambda w: do(w.matcher.filter, w.message), TypeError)
add("matcher-count-type", lambda w: do(w.matcher.count, w.blob), TypeError)
for name in ("text", "dialect", "clauses", "limits"):
    add(f"matcher-get-{name}", lambda w, name=name: do(getattr, w.matcher, name))
add("matcher-limit", lambda w: do(lambda: (w.hostile.matches(w.stubborn), w.hostile.limits)))
add("matcher-repr", lambda w: do(repr, [w.matcher, Matcher("TRUE")]))
add("pickle-matcher", lambda w: do(pickle.dumps, w.matcher), TypeError)
add("clause", lambda w: do(Clause, ("TRUE", 1, False, None)))
add("clause-repr", lambda w: do(repr, w.matcher.clauses))
