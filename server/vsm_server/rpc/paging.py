"""Page tokens: where a list goes on."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message

from vsm_server.refusal import invalid

M = TypeVar("M", bound=Message)

PAGE_SIZE_DEFAULT = 100
PAGE_BYTES_MAX = 3 << 20  # a page, beyond its first item


def size_of(page_size: int) -> int:
    """How many the caller wants; the contract holds it to 1,000."""
    return page_size or PAGE_SIZE_DEFAULT


def fitting(found: Sequence[M], size: int) -> tuple[list[M], bool]:
    """What goes on a page of what was found: at most `size`, and no more bytes than a message may have; and whether there is more."""
    page: list[M] = []
    used = 0
    for one in found[:size]:
        used += one.ByteSize()
        if page and used > PAGE_BYTES_MAX:
            break
        page.append(one)
    return page, len(page) < len(found)


def token_after(name: str) -> str:
    """For the page behind `name`."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def name_before(page_token: str) -> str:
    """What the page comes behind; '' for the first."""
    try:
        return base64.b64decode(page_token, altchars=b"-_", validate=True).decode()
    except ValueError:  # not base64, not ASCII or not UTF-8
        raise invalid("page_token", "it is not one that a response gave") from None
