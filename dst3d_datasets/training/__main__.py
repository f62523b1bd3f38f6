"""`python -m dst3d_datasets.training`: train the tiny generator, in legs of any length.

    python -m dst3d_datasets.training --work /tmp/tiny --out leg1 --seconds 560 --whole 1000
    python -m dst3d_datasets.training --work /tmp/tiny --out leg2 --seconds 560 --whole 1000

The second line goes on where the first ended (`--work` holds views and state). `--out` gets `tiny.tar`, a diffusers
folder in float16, `judge.safetensors` (the evaluation's classifier), `log.txt`, `figures.json` and `grid.png`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .leg import Settings, run

parser = argparse.ArgumentParser(prog="python -m dst3d_datasets.training", description="Train the tiny generator.")
parser.add_argument("--work", type=Path, required=True, help="views and state; best in memory (/dev/shm)")
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--seconds", type=float, default=560.0, help="of this leg, all included")
parser.add_argument("--whole", type=float, default=1000.0, help="of denoiser training in all legs: its schedule")
parser.add_argument("--autoencoder", type=float, default=75.0, help="seconds for the autoencoder, in the first leg")
parser.add_argument("--judge", type=float, default=30.0, help="seconds for the classifier, at the end of each leg")
parser.add_argument("--look", type=float, default=30.0, help="seconds kept for figures and pictures at the end")
parser.add_argument("--wait", type=int, default=3000, help="views to wait for before training begins")
parser.add_argument("--jobs", type=int, default=2300, help="files of 72 views to render in all")
parser.add_argument("--workers", type=int, default=0, help="rendering processes; 0: one a core but one")
parser.add_argument("--batch", type=int, default=512)
parser.add_argument("--pool", type=int, default=32768)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--guide", type=float, default=0.5, help="how much text guidance is trained in; 0: none")
parser.add_argument("--guide-from", type=float, default=0.7, help="from this share of the whole on")
parser.add_argument("--resume", type=Path, help="a diffusers folder to start from when --work holds no state")

if __name__ == "__main__":
    run(Settings(**vars(parser.parse_args())))
