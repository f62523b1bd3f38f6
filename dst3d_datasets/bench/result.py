"""What a bench gives back, and on which machine it was measured."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..engines.pool import available_cores
from ..progress import disabled_by_environment

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Measured:
    """A table: columns, rows, and what a reader must know."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    facts: dict[str, Any] = field(default_factory=dict)  # more figures, for --json only


@dataclass(frozen=True, slots=True)
class Result:
    """One bench, measured once."""

    name: str
    title: str
    quick: bool
    machine: dict[str, str]
    measured: Measured

    def to_json(self) -> dict[str, Any]:
        """As plain data; rows are mappings from column to value."""
        columns = list(self.measured.columns)
        rows = [dict(zip(columns, row, strict=True)) for row in self.measured.rows]
        plain = asdict(self)
        del plain["measured"]
        return {**plain, "rows": rows, "notes": list(self.measured.notes), "facts": self.measured.facts}

    def markdown(self) -> str:
        """A Markdown table under a line that names the machine."""
        scale = " (--quick)" if self.quick else ""
        lines = [f"**{self.name}**{scale}: {self.title}. {', '.join(self.machine.values())}", ""]
        cells = [[shown(value) for value in row] for row in (self.measured.columns, *self.measured.rows)]
        widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(cells[0]))]
        first = self.measured.rows[0] if self.measured.rows else self.measured.columns
        right = [not isinstance(value, str) for value in first]
        for number, row in enumerate(cells):
            padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
            lines.append(f"| {' | '.join(padded)} |")
            if number == 0:
                rules = ["-" * (w - 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)]
                lines.append(f"| {' | '.join(rules)} |")
        return "\n".join([*lines, *([""] if self.measured.notes else []), *self.measured.notes])


def shown(value: Cell) -> str:
    """A cell as text: three significant digits for fractions, thousands apart for whole numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.3g}"


def tell(columns: Sequence[str], row: Sequence[Cell]) -> None:
    """Show a row on stderr as soon as it is measured: others of its table may take minutes, or fail."""
    if not disabled_by_environment():
        first, *others = (shown(value) for value in row)
        told = ", ".join(f"{name} {value}" for name, value in zip(columns[1:], others, strict=True))
        sys.stderr.write(f"{first}: {told}\n")


def machine() -> dict[str, str]:
    """CPU, cores, GPU, and the versions that matter, found without importing torch."""
    facts = {"cpu": _cpu(), "cores": f"{available_cores()} cores", "gpu": _gpu()}
    facts["python"] = f"Python {platform.python_version()}"
    try:
        facts["torch"] = f"torch {version('torch')}"
    except PackageNotFoundError:
        facts["torch"] = "no torch"
    return facts


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpu() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return "no GPU"
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20)  # noqa: S603 - found on the PATH
    except (OSError, subprocess.TimeoutExpired):
        return "no GPU"
    names = [line.strip() for line in ended.stdout.splitlines() if line.strip()]
    if ended.returncode or not names:
        return "no GPU"
    return names[0] if len(names) == 1 else f"{len(names)} x {names[0]}"
