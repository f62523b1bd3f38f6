"""`python -m dst3d_datasets.cli` is `dst3d`."""

from __future__ import annotations

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
