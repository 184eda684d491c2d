"""Reading files that a database of this process lies in.

Whoever closes a file loses every lock the process has on it, and SQLite's are such locks: another
process would then find itself alone and cut the shared memory under this one's feet (SIGBUS). So
another process reads.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_READ = """
import sys
from pathlib import Path
for name in sys.argv[1:]:
    try:
        data = Path(name).read_bytes()
    except FileNotFoundError:
        data = b""
    sys.stdout.buffer.write(len(data).to_bytes(8, "big") + data)
"""


def read(paths: Iterable[Path]) -> dict[Path, bytes]:
    """Return path → content; of a file that is gone meanwhile it is empty."""
    files = [path for path in paths if path.is_file()]
    found = subprocess.run(  # noqa: S603 - Python itself, and files of the test
        [sys.executable, "-c", _READ, *map(str, files)], stdout=subprocess.PIPE, check=True
    ).stdout
    contents: dict[Path, bytes] = {}
    for path in files:
        size = int.from_bytes(found[:8], "big")
        contents[path], found = found[8 : 8 + size], found[8 + size :]
    return contents
