"""How long reading a very large roster takes, and how much memory: 60,000 pupils in one workbook.

Every run is a process of its own, so that its peak is its own. The floor is python-calamine giving
the same cells and nothing else. Beside the time on the clock stands the processor's, which other
programs on the machine change less.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, FigureError, Group, Measured
from sferum_bridge.roster.template import write_workbook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.stage import Place

SECONDS = Figure(
    "reading.seconds",
    "s",
    3.0,
    "An .xlsx in the school template with 60,000 pupils, each with an id, three names, a date of "
    "birth, a class, an e-mail address, a phone, a status and a day, to a `Roster`. The floor is "
    "python-calamine reading the same cells.",
)
MEMORY = Figure(
    "reading.peak_mib",
    "MiB",
    200.0,
    "The same: peak of the process that reads, plus that of the one that parses the workbook, "
    "though they need not be at their peaks together.",
)
_PUPILS, _TINY, _RUNS = 60_000, 600, 3
_OURS = """
import json, resource, sys, time
from pathlib import Path
from sferum_bridge.roster import read
begin, used = time.perf_counter(), time.process_time()
reading = read(Path(sys.argv[1]))
took, used = time.perf_counter() - begin, time.process_time() - used
child = resource.getrusage(resource.RUSAGE_CHILDREN)
# A process begins with the peak of the one that starts it, as `getrusage` has it.
lines = Path("/proc/self/status").read_text().splitlines()
mine = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(json.dumps({
    "seconds": took, "processor": used + child.ru_utime + child.ru_stime,
    "mib": (mine + child.ru_maxrss) / 1024, "people": len(reading.roster.people),
}))
"""
_BARE = """
import json, sys, time
import python_calamine
begin = time.perf_counter()
book = python_calamine.CalamineWorkbook.from_path(sys.argv[1])
rows = sum(1 for name in book.sheet_names for _ in book.get_sheet_by_name(name).iter_rows())
print(json.dumps({"seconds": time.perf_counter() - begin, "people": rows}))
"""


async def measure(place: Place, *, quick: bool) -> Sequence[Measured]:
    """Measure it, the floor and ours in turns."""
    pupils = _TINY if quick else _PUPILS
    path = place.folder / "many.xlsx"
    await asyncio.to_thread(_write, path, pupils)
    ours, bare = [], []
    for _ in range(1 if quick else _RUNS):
        bare.append((await _run(_BARE, path))["seconds"])
        ours.append(await _run(_OURS, path))
    if any(one["people"] != pupils for one in ours):
        raise FigureError("not everybody was read")
    taken = [one["seconds"] for one in ours]
    extra = {
        "floor_unit": "s",
        "spread": [min(taken), max(taken)],
        "processor_seconds": statistics.median(one["processor"] for one in ours),
        "pupils": pupils,
    }
    peak = max(one["mib"] for one in ours)
    floor = statistics.median(bare)
    return [
        Measured(SECONDS, statistics.median(taken), len(ours), floor=floor, extra=extra),
        Measured(MEMORY, peak, len(ours), extra={"pupils": pupils}),
    ]


async def _run(program: str, path: Path) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise FigureError(f"the reading process ended with {child.returncode}")
    found: dict[str, Any] = json.loads(said)
    return found


def _write(path: Path, pupils: int) -> None:
    families = [f"{root}{end}" for root in ("Облач", "Лучик", "Ветер", "Радуг") for end in _ENDS]
    classes = [f"{grade}{letter}" for grade in range(1, 12) for letter in "АБВГДЕЖЗИК"]
    rows = [
        {
            "external_id": f"{number:06}",
            "family_name": families[number % len(families)],
            "given_name": ("Лев", "Глеб", "Алёна", "Ольга", "Матвей", "Вера", "Семён")[number % 7],
            "middle_name": ("Лунович", "Громович", "Ветрович")[number % 3],
            "birth_date": date(2009, 1, 1) + timedelta(days=number % 3650),
            "class_name": classes[number % len(classes)],
            "email": f"pupil{number}@example.org",
            "phone": f"+7000{number:07}",
            "status": "учится",
            "since": date(2026, 9, 1),
        }
        for number in range(pupils)
    ]
    named = [{"name": name, "year": "2026/2027"} for name in classes]
    write_workbook(path, {"Ученики": rows, "Классы": named})


_ENDS = ("ин", "ов", "ин-Чайкин", "ёв", "ко", "их", "ский", "ой")

GROUP = Group("reading", (SECONDS, MEMORY), measure)
