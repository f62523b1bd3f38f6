"""One leg of the training: render, train, judge, look, write."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from . import autoencoder, networks
from .diffuse import Pool, Trainer
from .judge import train_judge
from .look import figures, grid
from .mix import Mixer, Views
from .views import render_forever
from .words import write_tokenizer


@dataclass(frozen=True)
class Settings:
    """What the command line says; see `__main__`."""

    work: Path
    out: Path
    seconds: float
    whole: float
    autoencoder: float
    judge: float
    look: float
    wait: int
    jobs: int
    workers: int
    batch: int
    pool: int
    seed: int
    guide: float
    guide_from: float
    resume: Path | None = None


class Log:
    """Lines with their seconds, on stderr and in a file."""

    def __init__(self, path: Path) -> None:
        self.path, self.start = path, time.perf_counter()

    def __call__(self, text: str) -> None:
        """Say one line."""
        line = f"[{self.spent():6.1f}] {text}\n"
        sys.stderr.write(line)
        sys.stderr.flush()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def spent(self) -> float:
        """Seconds since this leg began."""
        return time.perf_counter() - self.start


def run(settings: Settings) -> None:
    """Run one leg; what it leaves is said in `__main__`."""
    settings.out.mkdir(parents=True, exist_ok=True)
    say = Log(settings.out / "log.txt")
    folder = settings.work / "views"
    folder.mkdir(parents=True, exist_ok=True)
    workers = _workers(settings, folder)
    try:
        _leg(settings, folder, say)
    finally:
        for worker in workers:
            worker.terminate()


def _workers(settings: Settings, folder: Path) -> list[Any]:
    count = settings.workers or max(1, len(os.sched_getaffinity(0)) - 1)
    context = multiprocessing.get_context("spawn")  # forked children and CUDA do not mix
    processes = [
        context.Process(target=render_forever, args=(number, count, settings.jobs, str(folder)), daemon=True)
        for number in range(count)
    ]
    for process in processes:
        process.start()
    return processes


def _leg(settings: Settings, folder: Path, say: Log) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(settings.seed)
    tokenizer = write_tokenizer(settings.work / "tokenizer")
    vae = networks.autoencoder().to(device)
    model = networks.Denoiser(tokenizer).to(device)
    say(f"{networks.parameters(model, vae):,} parameters, {len(tokenizer)} tokens, {device}")
    views = Views(folder, device)
    while views.ingest() < settings.wait:
        time.sleep(0.5)
    state_file = settings.work / "state.pt"
    state = torch.load(state_file, map_location=device) if state_file.exists() else {}
    mixer = Mixer(views, settings.seed + int(state.get("legs", 0)))
    say(f"{len(views)} views")
    facts: dict[str, Any] = dict(state.get("facts", {}))
    if state:
        vae.load_state_dict(state["vae"])
        vae.register_to_config(scaling_factor=facts["scaling_factor"])
    elif settings.resume:
        networks.load(settings.resume, model, vae)
        vae.register_to_config(**json.loads((settings.resume / "vae/config.json").read_text(encoding="utf-8")))
    if not state and settings.autoencoder:
        facts |= autoencoder.train(vae, mixer, settings.autoencoder, max(2, settings.batch // 2), say)
        say(f"autoencoder: {facts}")
    vae.requires_grad_(False).eval()
    pool = Pool(mixer, vae, tokenizer, settings.pool)
    pool.fill(settings.batch)
    say("pool filled")
    seed = settings.seed + int(state.get("legs", 0))
    trainer = Trainer(model, pool, seed, settings.guide, settings.guide_from)
    if state:
        trainer.resume(state["trainer"])
    rest = settings.seconds - say.spent() - settings.judge - min(settings.look, 0.1 * settings.seconds)
    trainer.run(min(settings.whole, trainer.spent + rest), settings.whole, settings.batch, say)
    facts |= {
        "steps": trainer.step,
        "loss": trainer.loss,
        "denoiser_seconds": round(trainer.spent),
        "views": len(views),
    }
    state = {"vae": vae.state_dict(), "trainer": trainer.state(), "facts": facts, "legs": state.get("legs", 0) + 1}
    torch.save(state, settings.work / "state.tmp")
    os.replace(settings.work / "state.tmp", state_file)
    say("state written")
    _finish(settings, trainer, vae, tokenizer, mixer, facts, say)


def _finish(
    settings: Settings, trainer: Trainer, vae: Any, tokenizer: Any, mixer: Mixer, facts: dict[str, Any], say: Log
) -> None:
    """Write the averaged weights, then judge them, then look at them."""
    target = settings.work / "tiny"
    networks.write(target, trainer.average, vae, tokenizer)
    for name in ("vocab.json", "merges.txt"):
        (target / "tokenizer" / name).write_bytes((settings.work / "tokenizer" / name).read_bytes())
    with tarfile.open(settings.out / "tiny.tar", "w") as tar:
        tar.add(target, arcname="tiny")
    say("weights written")
    if settings.judge:
        judge_file = settings.out / "judge.safetensors"
        facts |= train_judge(judge_file, mixer, vae, settings.judge, max(2, settings.batch // 2), say)
    pipeline = networks.pipeline_of(trainer.average, vae, tokenizer)
    facts |= figures(pipeline, mixer)
    say(json.dumps(facts))
    (settings.out / "figures.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    grid(pipeline, mixer, settings.out / "grid.png")
    say("done")
