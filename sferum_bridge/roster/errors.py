"""Why a file is not read at all; raised by whatever opens one, told by `reader` as a problem."""

from __future__ import annotations


class FileError(Exception):
    """A file is nothing that can be read. `code` names the text, `params` fill it."""

    def __init__(self, code: str, sheet: str = "", **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.sheet = sheet
        self.params = params
