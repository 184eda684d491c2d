"""The web server's log: what went wrong and where, never the request.

aiohttp quotes a request that it cannot read, address and all, and the address may hold a code.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from sferum_bridge.store import failures

if TYPE_CHECKING:
    from collections.abc import MutableMapping


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """What a runner takes as its `logger`."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger(__name__))

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Put an error's type and place into the line, for its message may quote the request."""
        error = kwargs.pop("exc_info", None)
        if error and not isinstance(error, BaseException):
            error = sys.exc_info()[1]
        if error:
            msg = f"{msg}: {failures.placed(error).replace('%', '%%')}"
        return msg, kwargs
