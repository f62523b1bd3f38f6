"""What a process needs to make shards of one recipe, each built on first use and kept for the next shard."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import registry, views
from .errors import ModelRefused, Reason
from .generate import Generator
from .nouns import Buffers, CadModel, Camera, Lights, ModelRef, Prompt
from .prompts import Prompter
from .recipe import Recipe, to_yaml
from .recipe.base import names_a_place
from .render import Drawn, Renderer
from .render.auto import AUTO, choose
from .sources import Source

if TYPE_CHECKING:
    from .render.lighting import Lighting


class Tools:
    """Sources, renderer, prompter and generator of a recipe. Nothing is imported or loaded before it is needed."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._sources: dict[str, Source] = {}
        self._fetchers: dict[str, Callable[[ModelRef], None] | None] = {}
        self._lock = threading.Lock()

    def ready(self) -> None:
        """Build what every shard needs, so that a missing library is told before any work is begun.

        Raises:
            MissingDependency: a package or system library is not installed.
        """
        _ = self.renderer, self.lighting, self.prompter, self.generator

    def inputs(self) -> str:
        """A digest of the files beside the recipe that decide views, words and pictures (a table of views, captions,
        background folders).

        Empty when there are none. A prompter, lighting or generator that reads such files says so by an `inputs` text.
        """
        recipe = self._recipe
        options = {"prompter": recipe.prompts, "lighting": recipe.render, "generator": recipe.generator}
        found = [getattr(getattr(self, role), "inputs", "") for role, given in options.items() if names_a_place(given)]
        found += [of_views] if (of_views := views.inputs(self._recipe)) else []
        return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] if any(found) else ""

    def source(self, name: str) -> Source:
        """The source of that name in the recipe.

        Raises:
            ModelRefused: the recipe has no such source.
        """
        if name not in self._sources:
            for options in self._recipe.sources:
                if (options.name or options.kind) == name:
                    self._sources[name] = self._source(options)
                    break
            else:
                raise ModelRefused(Reason.MISSING, f"the recipe has no source called {name!r}")
        return self._sources[name]

    def _source(self, options: Any) -> Source:
        """Sources of strangers' files load under the recipe's limits, in a process of their own."""
        if self._recipe.limits.enabled and getattr(options, "reads_files", False):
            from .sources.limits import LimitedSource

            return LimitedSource(options, self.loader)
        source: Source = registry.lookup("sources", options.kind)(options)
        return source

    @cached_property
    def loader(self) -> Any:
        """The process that all file sources load in; it is started by the first model and ends with this object."""
        from .sources.limits import Loader

        return Loader(self._recipe.limits)

    def fetcher(self, name: str) -> Callable[[ModelRef], None] | None:
        """What brings models of a source into the cache ahead of `open`; None where nothing needs to be brought.

        It works in this process, which has no limits: downloading takes the time that the network takes.
        """
        with self._lock:
            if name not in self._fetchers:
                options = next((each for each in self._recipe.sources if (each.name or each.kind) == name), None)
                source: Any = None
                if options is not None and not getattr(options, "is_all_here", True):
                    source = registry.lookup("sources", options.kind)(options)
                fetch = getattr(source, "fetch", None)
                self._fetchers[name] = None if fetch is None else _first_alone(fetch)
            return self._fetchers[name]

    @cached_property
    def renderer(self) -> Renderer:
        """The engine that the recipe names."""
        options = self._recipe.render
        # A run's recipe names its engine (`run.settled`); previews take what suits the machine.
        engine = choose(options.device).engine if options.engine == AUTO else options.engine
        made = registry.lookup("render", engine)
        # An engine that takes more of the recipe than the device has an `of`.
        renderer: Renderer = made.of(options) if hasattr(made, "of") else made(device=options.device)
        return renderer

    @cached_property
    def prompter(self) -> Prompter:
        """Where the words come from."""
        prompter: Prompter = registry.lookup("prompts", self._recipe.prompts.kind)(self._recipe.prompts)
        return prompter

    def prompt(self, model: CadModel, buffers: Buffers, seed: int) -> Prompt:
        """The words of one sample; a prompter that asks for it is told the look that the render shows."""
        if getattr(self.prompter, "sees", False):
            from .prompts.look import look_of

            asked: Any = self.prompter
            seen: Prompt = asked.prompt_seeing(model.ref, seed, look_of(model, buffers))
            return seen
        return self.prompter.prompt(model.ref, seed)

    @cached_property
    def generator(self) -> Generator:
        """What draws the pictures."""
        generator: Generator = registry.lookup("generate", self._recipe.generator.kind)(self._recipe.generator)
        return generator

    @cached_property
    def lighting(self) -> Lighting:
        """What gives each view its light."""
        from .render.lighting import Lighting

        return Lighting(self._recipe.render)

    def drawn(self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights]) -> list[Drawn]:
        """What the renderer sees from each camera, with the controls where it makes them as it draws."""
        renderer: Any = self.renderer
        if hasattr(renderer, "on_device") and renderer.on_device(model):
            return list(renderer.render_controlled(model, cameras, lights, self._recipe.controls))
        return [Drawn(buffers=buffers) for buffers in renderer.render(model, cameras, lights)]

    @cached_property
    def make_controls(self) -> Any:
        """`render.controls.make_controls`."""
        from .render.controls import make_controls

        return make_controls

    @cached_property
    def truncated(self) -> Any:
        """`render.truncation.truncated`."""
        from .render.truncation import truncated

        return truncated

    @cached_property
    def box_and_visible(self) -> Any:
        """`render.visibility.box_and_visible`."""
        from .render.visibility import box_and_visible

        return box_and_visible


def _first_alone(fetch: Callable[[ModelRef], None]) -> Callable[[ModelRef], None]:
    """`fetch` for many threads: the first call, which reads the source's indices, is waited for by the others."""
    lock, is_known = threading.Lock(), threading.Event()

    def fetch_after_the_first(ref: ModelRef) -> None:
        if not is_known.is_set():
            with lock:
                if not is_known.is_set():
                    fetch(ref)
                    is_known.set()
                    return
        fetch(ref)

    return fetch_after_the_first


_kept: dict[str, Tools] = {}


def tools_for(recipe: Recipe) -> Tools:
    """The tools of a recipe, kept between shards of the same process; those of another recipe are let go.

    One recipe at a time: a second generator would not fit on the device beside the first.
    """
    text = to_yaml(recipe)
    if text not in _kept:
        _kept.clear()
        _kept[text] = Tools(recipe)
    return _kept[text]
