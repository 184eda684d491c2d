r"""ClamAV's daemon, asked about one file: the protocol `INSTREAM` over TCP or a socket of Unix.

    zINSTREAM\0 ─► length, piece ─► … ─► length 0 ─► «stream: OK» · «stream: <name> FOUND» · else

Blocking, for a thread of its own: Synapse's reactor is not asyncio's, and must not wait for a scan.
A connection is one question, so a daemon that was started anew is simply asked the next time.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from sferum_bridge.homeserver.settings import Scanner

_PIECE = 64 * 1024
_LONGEST_ANSWER = 4096


class NoAnswerError(Exception):
    """The scanner did not say what a file holds: it is away, or too slow."""


class TooLargeError(Exception):
    """The scanner takes no file so large (`StreamMaxLength`)."""


def scan(scanner: Scanner, file: IO[bytes]) -> str:
    """Return the name of the virus in a file, empty for none; `file` is read from where it is.

    Raises:
        NoAnswerError: Nobody knows.
        TooLargeError: Nor will they.
    """
    deadline = time.monotonic() + scanner.seconds
    try:
        with _connected(scanner) as connection:
            # Too large a file is answered, and the connection closed, before its end.
            with suppress(ConnectionError):
                _send(connection, file, deadline)
            said = _answer(connection, deadline)
    except OSError as error:  # its timeout, too
        raise NoAnswerError(type(error).__name__) from error
    verdict = said.removeprefix("stream: ")
    if verdict == "OK":
        return ""
    if verdict.endswith(" FOUND"):
        return verdict.removesuffix(" FOUND")
    if "size limit exceeded" in verdict:
        raise TooLargeError
    raise NoAnswerError(verdict or "an empty answer")


def _connected(scanner: Scanner) -> socket.socket:
    if isinstance(scanner.address, tuple):
        return socket.create_connection(scanner.address, timeout=scanner.seconds)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(scanner.seconds)
        connection.connect(scanner.address)
    except BaseException:
        connection.close()
        raise
    return connection


def _send(connection: socket.socket, file: IO[bytes], deadline: float) -> None:
    connection.sendall(b"zINSTREAM\0")
    while piece := file.read(_PIECE):
        _limit(connection, deadline)
        connection.sendall(struct.pack("!L", len(piece)) + piece)
    connection.sendall(struct.pack("!L", 0))


def _answer(connection: socket.socket, deadline: float) -> str:
    said = b""
    while b"\0" not in said and len(said) < _LONGEST_ANSWER:
        _limit(connection, deadline)
        piece = connection.recv(_LONGEST_ANSWER)
        if not piece:
            break
        said += piece
    return said.partition(b"\0")[0].decode(errors="replace").strip()


def _limit(connection: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
