"""Lists of any length."""

from collections.abc import AsyncIterator
from typing import Any


async def pages(method: Any, request: Any) -> AsyncIterator[Any]:
    """Each page of a list, in order, until the last."""
    while True:
        page = await method(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
