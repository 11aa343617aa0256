"""Whether the Hugging Face Hub can be asked from here, as its own libraries settle it: offline switches, proxies."""

from __future__ import annotations

import importlib.util
import os
from urllib.parse import urlsplit

from tuitune.text import clean

_TRUE = ("1", "ON", "YES", "TRUE")
_MODELS = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_ROWS = "HF_DATASETS_OFFLINE"
_PROXIES = ("http", "https", "socks5", "socks5h")


def offline() -> str | None:
    """The variable that forbids models to be fetched, None where none does.

    Rule: `huggingface_hub.constants`: the first that is set to anything counts.
    """
    name = next((name for name in _MODELS if os.environ.get(name)), None)
    return name if name and os.environ[name].upper() in _TRUE else None


def rows_offline() -> str | None:
    """The variable that forbids data sets to be fetched, None where none does (`datasets.config`)."""
    chosen = os.environ.get(_ROWS)
    if chosen is None:
        return offline()
    return _ROWS if chosen.upper() in _TRUE else None


def proxy_problem() -> str | None:
    """Why the Hub's client cannot use the proxy that the environment names; None where it can, or none is named.

    Any of them that it cannot read keeps it from asking at all (`httpx2.Proxy`).
    """
    from urllib.request import getproxies

    for scheme, address in getproxies().items():
        if scheme in ("http", "https", "all") and (wrong := _unusable(address)):
            names = (name for name in os.environ if name.lower() == f"{scheme}_proxy")
            return f"{next(names, f'the {scheme} proxy')}: {wrong}"
    return None


def _unusable(address: str) -> str | None:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        shown = clean(f"{parts.scheme}://{parts.hostname or ''}", limit=80)
        _ = parts.port
    except ValueError:
        return "the address of this proxy has no port from 0 to 65535; write it as http://host:port"
    if not parts.hostname:
        return "the address of this proxy has no host; write it as http://host:port"
    socks = importlib.util.find_spec("socksio") is not None
    if parts.scheme not in _PROXIES:
        usable = [f"{scheme}://" for scheme in _PROXIES if socks or not scheme.startswith("socks")]
        return f"{shown} is no proxy that the Hub's client knows; write {' or '.join(usable)}"
    if parts.scheme.startswith("socks") and not socks:
        return f"{shown} needs the package socksio: pip install socksio"
    return None
