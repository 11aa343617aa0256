"""Foreign text made harmless: what came from data, a model, a log, a file name or the network, before anyone sees it.

`clean` is the one door through which foreign text enters a screen, a table on standard output or an error message.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]")
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_STACKED_MARKS = re.compile(f"([{_MARKS}]{{3}})[{_MARKS}]+")
_TAB = " " * 4
_REACH = 4
"""How many times the limit is looked at: of what is cleaned, marks may fall away and room be left for more."""

_ESCAPE_SEQUENCE = re.compile(
    r"""
      (?:\x1b[PX^_\]]|[\x90\x98\x9d-\x9f])       # DCS, SOS, PM, APC, OSC: a string …
      [^\x07\x1b\x9c]*                           # … up to
      (?:\x07|\x1b\\|\x9c|$|(?=\x1b))            # BEL, ST, the end, or the next escape
    | (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?          # CSI
    | \x1b[ -/]*[0-~]?                           # every other escape sequence
    """,
    re.VERBOSE,
)

_HIDDEN = "•••"
_SECRETS = r"""
      \b(?:hf|api_org)_[A-Za-z0-9]{30,}
    | \bgh[pousr]_[A-Za-z0-9]{30,} | \bgithub_pat_[A-Za-z0-9_]{30,}
    | \bglpat-[A-Za-z0-9_-]{20,} | \bxox[abprs]-[A-Za-z0-9-]{16,}
    | (?<![\w-])sk-(?=[A-Za-z_-]*[0-9])(?=[\w-]*[A-Za-z0-9]{16})[A-Za-z0-9_-]{20,}
    | \bAIza[A-Za-z0-9_-]{35} | \bnvapi-[A-Za-z0-9_-]{30,} | \b(?:gsk|r8|dckr_pat|[sr]k_live)_[A-Za-z0-9_-]{20,}
    | \bya29\.[A-Za-z0-9._-]{16,} | \bGOCSPX-[A-Za-z0-9_-]{20,} | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
    | \b(?:npm|shpat|dop_v1)_[A-Za-z0-9]{30,} | \bpypi-AgE[A-Za-z0-9_-]{20,} | \bhvs\.[A-Za-z0-9_-]{24,}
    | \b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}
    | (?<=hooks\.slack\.com/)[a-z]+/[A-Za-z0-9/_-]{16,} | (?<=/api/webhooks/)[0-9]+/[A-Za-z0-9_-]{16,}
    | \beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | (?P<block>-----BEGIN[ ](?:[A-Z]+[ ]){0,3}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----)
      (?s:.*?)(?=-----END[ ](?:[A-Z]+[ ]){0,3}PRIVATE[ ]KEY|\Z)
    | (?<=[Bb]earer[ ])(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/=-]{16,}
    | (?<=[Bb]earer%20)[A-Za-z0-9._~+/=%-]{8,}
    | (?<=://)[^\s/:@"'<>]*:[^\s@"'<>]+(?=@) | (?<=://)[^\s/:@"'<>]{16,}(?=@)
    | (?<=[?&;\#])(?P<query>(?i:[a-z_-]*(?:token|key|secret|pass(?:word|wd|phrase)?|pwd|signature|auth|jwt|credential)
      |sig)=)[^\s&"'<>]{8,}
    | (?P<header>(?i:authorization["']?[ ]*[:=][ ]*["']?(?:bearer|basic|token)[ ]+))[^\s"',]+
    | (?P<name>(?i:(?:api|access|secret|account|client|private|shared)[_-]?(?:key|secret)
      |(?:auth|access|refresh|session|security|bearer|api|bot|id)[_-]?token
      |(?<![\w-])(?:token|secret))["']?[ ]*[:=][ ]*["']?)
      (?=[A-Za-z/+_-]*[0-9])[A-Za-z0-9/+_-]{20,}
    | (?P<quoted>(?i:pass(?:word|wd|phrase)|(?<![a-z])pwd)["']?[ ]*[:=][ ]*["'])(?![/$<{*•%])[^"'\n]{4,}
    | (?P<assigned>(?i:pass(?:word|wd|phrase)|(?<![a-z])pwd)=)
      (?![\w.]+[(\[]|(?:self|os|args|config)\.|(?i:none|null|true|false|password)\b|[/$<{*•%])[^\s"',;&]{4,}
    | (?P<told>(?i:pass(?:word|wd|phrase)[ ]*[:=][ ]+|--(?:[a-z]+-)*(?:password|passphrase|secret|api-key)[ =]
      |--(?:(?:hf|api|auth|access)-)?token[ =]))
      (?=[^\s\d"',;&()]*[0-9])(?![/$<{*•%])[^\s"',;&()\[\]]{6,}
"""
"""What only a credential looks like: as long as its kind is, since words, names and paths begin like one, too.

A bare number of 40 hexadecimal digits is a commit more often than a key, so its name has to be beside it. A named group
is what stays readable before what is hidden.
"""

_SECRET_VARIABLE = re.compile(
    r"""
      (?: (?<!(?:PAD|EOS|BOS|UNK|SEP|CLS)_) (?<!(?:MASK|STOP)_) TOKEN
        | SECRET | PASSWORD | PASSWD | PASSPHRASE | API_?KEY | CREDENTIALS? | WEBHOOK(?:_URL)? | CONNECTION_?STRING
        | (?:^|_) (?:PAT|AUTH|JWT|SAS|COOKIE) | (?<!BY)(?<!COM) PASS | _KEY | _PWD )
      (?: _ (?:BASE|VALUE|STRING|TEXT|B64|BASE64|OLD|NEW|PROD|DEV|TEST) | _?\d+ )* $
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LINE_OF_KEY = re.compile(r"[A-Za-z0-9+/=]{32,}")
_SHORTEST_SECRET = 8


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character == "\t":
        return _TAB
    if character in "\u2028\u2029":
        return "⏎"
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"


def clean(text: str, *, limit: int | None = None, newlines: bool = False) -> str:
    """`text` as plain visible characters: nothing in the result can move a cursor, change a terminal or reorder a line.

    Control characters become their picture (␛), everything else unsafe (C1 controls, bidirectional overrides, lone
    surrogates, tag characters) becomes �, a tab four spaces, a newline ⏎ unless `newlines` keeps it, and a pile of
    combining marks is cut to three. At most `limit` characters are kept, the last of them … where any were lost.
    """
    length = len(text)
    if limit is not None:
        text = text[: _REACH * limit + 1]
    lines = text.replace("\r\n", "\n").split("\n")
    cleaned = ("\n" if newlines else "⏎").join(_UNSAFE.sub(_visible, line) for line in lines)
    if not cleaned.isascii():
        cleaned = _STACKED_MARKS.sub(r"\1", cleaned)
    if limit is not None and (len(cleaned) > limit or len(text) < length):
        return cleaned[: max(limit - 1, 0)] + "…"[:limit]
    return cleaned


def strip_ansi(text: str) -> str:
    """`text` without terminal escape sequences (7- and 8-bit, whole or cut off); other controls are for `clean`."""
    return _ESCAPE_SEQUENCE.sub("", text)


def last_line(output: bytes, *, limit: int) -> str:
    """The last line that a process printed, clean and without secrets; "" where it printed nothing."""
    lines = strip_ansi(output.decode("utf-8", "replace")).strip().splitlines()
    return clean(redact(lines[-1]), limit=limit) if lines else ""


def redact(text: str) -> str:
    """`text` with what looks like a credential, and the value of every secret environment variable, replaced by •••.

    For logs, errors and records that outlive the process. A value counts as secret where the variable's name ends in
    TOKEN, SECRET, PASSWORD, _KEY or the like and the value has at least eight characters; it is also known as an
    address or a quoted text would hold it, and a key of several lines by each of them.
    """
    return redactor()(text)


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Whether what bears this name is a credential, as `redact` judges the names of variables."""
    return _SECRET_VARIABLE.search(name) is not None


def redact_all(value: Any) -> Any:
    """`value`, as JSON has values, with every text in it redacted, the keys of its tables too."""
    return _redacted(value, redactor())


def _redacted(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {hide(key): _redacted(inner, hide) for key, inner in value.items()}
    if isinstance(value, list):
        return [_redacted(inner, hide) for inner in value]
    return hide(value) if isinstance(value, str) else value


def redactor() -> Callable[[str], str]:
    """`redact` for many texts: the environment is looked at once."""
    values = {one for name, value in os.environ.items() if is_secret(name) for one in _spellings(value)}
    known = sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)
    wanted = _wanted(tuple(known))
    return lambda text: wanted.sub(lambda found: f"{found[found.lastgroup] if found.lastgroup else ''}{_HIDDEN}", text)


def _spellings(value: str) -> set[str]:
    encoded = value.encode("utf-8", "surrogateescape")
    return {
        value,
        quote(encoded),
        quote(encoded, safe=""),
        quote_plus(encoded),
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        *(_LINE_OF_KEY.findall(value) if "\n" in value else ()),
    }


@lru_cache(maxsize=8)
def _wanted(known: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join([re.escape(value) for value in known] + [_SECRETS]), re.VERBOSE)
