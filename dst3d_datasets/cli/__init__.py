"""The `dst3d` command line: `main` parses, runs one verb, prints its outcome and turns errors into messages and
exit codes.

A verb is one module of this package with `add(parser)` and `run(args) -> Outcome`, and one line in
`verbs.VERBS`. It is imported only when it is the one that runs, so that `dst3d --help` stays fast.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, Dst3dError
from .output import show, show_error

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `dst3d`; none: those of this process.

    Returns:
        The exit code: 0 done, 1 part of the work failed, 2 a wrong request, 3 an input was refused, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        from .verbs import parse

        run, args = parse(words)
        outcome = run(args)
        show(outcome, as_json=args.json, quiet=args.quiet)
        return int(outcome.code)
    except SystemExit as end:  # argparse has printed a help page or the version
        return end.code if isinstance(end.code, int) else EXIT_OK
    except KeyboardInterrupt:
        show_error("interrupted", "interrupted: finished shards are kept; the same command goes on", as_json)
        return EXIT_INTERRUPTED
    except Dst3dError as error:
        if os.environ.get("DST3D_DEBUG"):
            traceback.print_exc()
        show_error(type(error).__name__, str(error), as_json, error.exit_code)
        return error.exit_code
    except Exception as error:  # a defect of ours: the traceback is what a report needs
        traceback.print_exc()
        show_error("internal", f"internal error ({type(error).__name__}: {error}); please report it", as_json)
        return EXIT_FAILED
