"""JSON text as the ledger keeps it where it is large, so that it is small enough for an item of DynamoDB (400 KB)."""

from __future__ import annotations

import base64
import zlib


def compressed(text: str) -> str:
    """JSON text as base64 text of its compressed form."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked_text(text: str) -> str:
    """JSON text that may be compressed, as it was before; base64 has no brackets."""
    return text if text[0] in "{[" else zlib.decompress(base64.b64decode(text)).decode()
