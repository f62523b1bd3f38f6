"""Let a person say of a few hundred samples whether the picture shows what the label says: on a page in the browser
(keys g, b, u and back), or in the terminal beside contact sheets. Every sample is asked about twice, in two orders and
with the first answers hidden. Stop whenever you like: the same command goes on from there. The answers calibrate
`keep: {precision: ...}` and train `fused`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .options import positive
from .output import Outcome, duration, note

if TYPE_CHECKING:
    from ..rating.session import Session

EXAMPLES = """\
  dst3d rate run                          # 300 samples, twice; prints the address of the page
  dst3d rate run -n 60 --passes 1
  dst3d rate run --terminal --sheets sheets
  dst3d rate run -o me.tsv --json
"""
_FILE = "ratings.tsv"


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("run", help="the folder of a run, or its fsspec address")
    parser.add_argument(
        "-n", type=positive, default=300, metavar="N", dest="count", help="samples, evenly of all classes and views"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help=f"table of answers (default: {_FILE} in the run's folder)")
    parser.add_argument(
        "--passes", type=positive, default=2, metavar="N", help="times that every sample is asked about (default: 2)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--browser", action="store_true", help="on a page of this machine (the default)")
    where.add_argument("--terminal", action="store_true", help="contact sheets, and answers line by line")
    parser.add_argument("--port", type=int, default=0, metavar="P", help="of the page (default: any that is free)")
    parser.add_argument(
        "--sheets", default="rating-sheets", metavar="DIR", help="for --terminal (default: rating-sheets)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Choose, ask, and say how far the passes agree."""
    from ..rating import RatingTable
    from ..rating.choose import choose
    from ..rating.session import Session
    from ..store import Store

    store = Store(args.run)
    table = RatingTable(args.out or f"{args.run.rstrip('/')}/{_FILE}")
    session = Session(store, choose(store, args.count), table, args.passes)
    if session.current <= session.passes:
        if args.terminal:
            _terminal(session, Path(args.sheets))
        else:
            _browser(session, args.port)
    return _outcome(session, table.address)


def _browser(session: Session, port: int) -> None:
    from ..rating.server import RatingServer

    with RatingServer(session, port) as server:
        note(f"{len(session)} samples: open {server.url} in a browser; Ctrl-C ends, and every answer is kept")
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            note("stopped; the same command goes on from there")


def _terminal(session: Session, folder: Path) -> None:
    from ..rating import terminal

    note(terminal.HELP)
    while (number := session.current) <= session.passes:
        sheets, answered = terminal.sheets_of(session, number), session.answers(number).keys()
        first = next(place for place, sheet in enumerate(sheets) if any(each.key not in answered for each in sheet))
        if not _sheets(session, folder, number, first):
            return


def _sheets(session: Session, folder: Path, pass_: int, place: int) -> bool:
    """Ask about the sheets of a pass from one on; False if the person ends it."""
    from ..rating import terminal

    sheets = terminal.sheets_of(session, pass_)
    while place < len(sheets):
        path = folder / f"pass{pass_}-{place + 1:03d}.png"
        terminal.draw_sheet([session.sample(each.key) for each in sheets[place]], path)
        note(f"pass {pass_} of {session.passes}, sheet {place + 1} of {len(sheets)}: {path}")
        since = time.monotonic()
        words = _ask()
        if words is None or words == "q":
            return False
        if words == "back":
            place = max(0, place - 1)
            continue
        try:
            session.put(terminal.answers_of(words, sheets[place], pass_, time.monotonic() - since))
        except ValueError as error:
            note(str(error))
            continue
        place += 1
    return True


def _ask() -> str | None:
    """A line from stdin without its spaces; None at its end."""
    sys.stderr.write("bad: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    return line.strip().lower() if line else None


def _outcome(session: Session, address: str) -> Outcome:
    passes: list[dict[str, Any]] = []
    for number in range(1, session.passes + 1):
        found = session.answers(number).values()
        passes.append(
            {
                "pass": number,
                "answered": len(found),
                "good": sum(rating.good is True for rating in found),
                "bad": sum(rating.good is False for rating in found),
                "unsure": sum(rating.good is None for rating in found),
                "seconds": sum(rating.seconds for rating in found),
            }
        )
    said = session.agreement()
    agreed = {"both": said.both, "same": said.same, "kappa": said.kappa}
    data = {"path": address, "num_samples": len(session), "passes": passes, "agreement": agreed}
    lines = [
        f"pass {each['pass']}: {each['answered']:,} of {len(session):,} answered ({each['good']:,} good, "
        f"{each['bad']:,} bad, {each['unsure']:,} open) in {duration(each['seconds'])}"
        for each in passes
    ]
    if said.both:
        lines.append(f"the first two passes say the same of {said.same:,} of {said.both:,}; kappa {said.kappa:.2f}")
    if not any(each["answered"] for each in passes):
        raise UsageError("nothing was rated")
    return Outcome(data, "\n".join([*lines, f"answers: {address}"]))
