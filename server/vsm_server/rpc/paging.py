"""Page tokens: where a list goes on."""

import base64

from vsm_server.refusal import invalid

PAGE_SIZE_DEFAULT = 100


def size_of(page_size: int) -> int:
    """How many the caller wants; the contract holds it to 1,000."""
    return page_size or PAGE_SIZE_DEFAULT


def token_after(name: str) -> str:
    """For the page behind `name`."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def name_before(page_token: str) -> str:
    """What the page comes behind; '' for the first."""
    try:
        return base64.b64decode(page_token, altchars=b"-_", validate=True).decode()
    except ValueError:  # not base64, not ASCII or not UTF-8
        raise invalid("page_token", "it is not one that a response gave") from None
