"""Say what the loader makes of one model file or archive: its faces, box, materials, textures and licence, or the
reason for which it is refused. Needs bounded time and memory, whatever the file holds.
"""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import EXIT_REFUSED
from .output import Outcome, size, table

EXAMPLES = """\
  dst3d inspect chair.glb
  dst3d inspect model_normalized.obj --json
  dst3d inspect 02691156.zip            # members, models, and what is hostile in it
  dst3d inspect "02691156.zip!02691156/1021a0914a7207aff927ed529ad90a11/models/model_normalized.obj"
  dst3d inspect hf://datasets/allenai/objaverse/glbs/000-023/93face00deb70aa788f141d861452480.glb
"""
_TEXTURES = 8


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="a model (glb, gltf, obj, ply, stl, off), a zip or tar.gz, or ARCHIVE!MEMBER; here, hf:// or https://",
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="processor time that may be spent (default 60)")
    parser.add_argument("--memory-mb", type=int, default=4096, help="memory that may be used, MiB (default 4096)")


def run(args: argparse.Namespace) -> Outcome:
    """Inspect; exit code 3 if it cannot be used."""
    from ..recipe import validate
    from ..sources.inspect import inspect

    limits = validate({"limits": {"seconds": args.seconds, "memory_mb": args.memory_mb}}, origin="inspect").limits
    facts = inspect(args.address, limits)
    return Outcome(facts, _text(facts), 0 if facts["ok"] else EXIT_REFUSED)


def _text(facts: dict[str, Any]) -> str:
    rows: list[tuple[str, object]] = []
    if "bytes" in facts:
        rows.append(("format", f"{facts.get('format') or 'unknown'}, {size(facts['bytes'])}"))
    if not facts["ok"]:
        rows.append(("refused", f"{facts['reason']}: {facts['detail']}"))
    if "faces" in facts:
        rows += _model_rows(facts)
    if "members" in facts:
        rows += _archive_rows(facts)
    for name in ("title", "author", "licence", "url"):
        if facts.get(name):
            rows.append((name, facts[name] + (f" (by {facts['said_by']})" if name == "licence" else "")))
    if "licence" in facts and not facts["licence"] and facts["ok"]:
        rows.append(("licence", "nothing near the file says it"))
    rows += [("warning", text) for text in facts.get("warnings", ())]
    return f"{facts['address']}: {'usable' if facts['ok'] else 'refused'}\n" + table(rows)


def _model_rows(facts: dict[str, Any]) -> list[tuple[str, object]]:
    textures = facts["textures"]
    shown = ", ".join(f"{width} x {height}" for width, height in textures[:_TEXTURES])
    more = f" and {len(textures) - _TEXTURES} more" if len(textures) > _TEXTURES else ""
    return [
        ("faces", f"{facts['faces']:,}"),
        ("vertices", f"{facts['vertices']:,}"),
        ("extents", " x ".join(f"{side:.6g}" for side in facts["extents"]) + " (file's axes and unit)"),
        ("box", " x ".join(f"{side:.4f}" for side in facts["size"]) + " (x, y, z of the canonical frame)"),
        ("materials", f"{len(facts['materials'])}"),
        ("textures", f"{shown}{more}" if textures else ("none" if facts["textureless"] else "none; vertex colours")),
    ]


def _archive_rows(facts: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        (
            "members",
            f"{facts['members']:,} files, {size(facts['inflated_bytes'])} inflated"
            if "inflated_bytes" in facts
            else f"{facts['members']:,} files",
        ),
        ("models", f"{facts['num_models']:,}" + (f", such as {facts['models'][0]}" if facts["models"] else "")),
    ]
    return rows + [("hostile", f"{count:,} x {kind}") for kind, count in facts["hostile"].items()]
