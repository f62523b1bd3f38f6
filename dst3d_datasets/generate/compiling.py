"""Compiled networks: one warm-up a machine, whose outcome every later process and shard finds in a cache on disk.

A network is called as it is until `Compiled.compile`; from then on, its first call for each shape compiles it whole
(`torch.compile`, static shapes). Of several processes that need the same network one compiles; the others wait and take
it from the cache. `Recorded` makes CUDA graphs of a whole batch, one a step.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from ..home import default_home

# From this many pictures on a process has more time to win than to lose: 115 to 200 s against 0.1 s a picture (H200).
PAYS_FROM = 1500
PAYS_FROM_CACHED = 250  # where this machine has compiled it before
_ATTENTION = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]  # in this order: on Hopper cuDNN's is the fastest for small heads


def cache_folder() -> Path:
    """Where compiled code is kept: `compiled` in `DST3D_HOME`, or TORCHINDUCTOR_CACHE_DIR if that is set."""
    return Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR") or default_home() / "compiled")


def pays(num_pictures: int, key: str) -> bool:
    """Whether compiling is worth its time for so many pictures in one process."""
    return num_pictures >= (PAYS_FROM_CACHED if _marker(key).exists() else PAYS_FROM)


class Compiled:
    """A function of tensors that can be compiled, once for each shape of what it is given.

    Args:
        function: a module or function without side effects; arguments are tensors, numbers, and trees of them.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = self._plain = function
        self._key = ""
        self._seen: set[Any] = set()

    @property
    def is_compiled(self) -> bool:
        """Whether `compile` was called."""
        return bool(self._key)

    def compile(self, key: str) -> None:
        """Compile at the next call; `key` names what is compiled (shapes, options) among all of this machine."""
        if self._key:
            return
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder()))
        self._key = key
        self._function = torch.compile(self._plain, fullgraph=True, dynamic=False)

    def __call__(self, *arguments: Any) -> Tensor:
        with sdpa_kernel(_ATTENTION, set_priority=True):
            if not self._key:
                return self._function(*arguments)
            shape = _shapes(arguments)
            if shape in self._seen:
                return self._function(*arguments)
            with one_at_a_time(self._key):
                result = self._function(*arguments)
                _marker(self._key).touch()
            self._seen.add(shape)
            return result


Parts = Generator[None, None, Tensor]  # work that is launched part by part, and its result


class Recorded:
    """A function of tensors whose work on a GPU is recorded at its second call for each shape, and then replayed.

    Each part of it is one launch, however many kernels it has: other threads that hold Python's lock cannot make the
    GPU wait. Nor should it make them wait: the launch of a graph of 11,000 kernels, a whole batch, went on until half a
    second before the batch was done, and what was rendered in another thread meanwhile took several times as long
    (H200). A part is therefore launched when the last one is at work, not earlier.

    Args:
        function: must not draw random numbers, wait for the device or read its values. It yields where a part ends.
    """

    def __init__(self, function: Callable[..., Parts]) -> None:
        self._function = function
        self._graphs: dict[Any, _Graph] = {}
        self.is_on = False

    @property
    def num_recorded(self) -> int:
        """For how many shapes there is a recording."""
        return sum(graph.is_recorded for graph in self._graphs.values())

    def __call__(self, *arguments: Any) -> Tensor:
        """The function's result. The last of its work may have been launched only.

        What fails is forgotten: a shape for which memory ran out does not come again, and holds none.
        """
        if not self.is_on:
            return whole(self._function(*arguments))
        shape = _shapes(arguments)
        graph = self._graphs.pop(shape, None) or _Graph(self._function, arguments)
        result = graph(arguments)
        self._graphs[shape] = graph
        return result


def whole(parts: Parts) -> Tensor:
    """The result of work that is done part by part."""
    while True:
        try:
            next(parts)
        except StopIteration as end:
            result: Tensor = end.value
            return result


class _Pool:
    """Memory of recordings, which each of them holds. The allocator takes it back with the last CUDA graph in it, and
    refuses to have anything recorded into it again. This holds one graph, so that whoever holds this may record.
    """

    def __init__(self) -> None:
        self.handle: Any = torch.cuda.graph_pool_handle()
        self.graph: torch.cuda.CUDAGraph | None = None


class _Graph:
    """One function for one shape, with the tensors it reads from. They are the same in its first call and in the
    recording: a compiler would take others, though of the same shape, for a reason to compile anew if only their
    strides differ, and nothing may be compiled while a recording is made.
    """

    _shared: ClassVar[weakref.ref[_Pool] | None] = None  # of all recordings: none of them runs beside another
    _launched: ClassVar[deque[torch.cuda.Event]] = deque()  # parts of this or another recording, two at most

    def __init__(self, function: Callable[..., Parts], arguments: Any) -> None:
        leaves, self._tree = pytree.tree_flatten(arguments)
        self._inputs = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self._function, self._output = function, torch.empty(0)
        self._parts: list[torch.cuda.CUDAGraph] = []
        self._pool: _Pool | None = None
        self._is_warm, self._can_be_recorded = False, True

    @property
    def is_recorded(self) -> bool:
        """Whether it is replayed from now on."""
        return bool(self._parts)

    def __call__(self, arguments: Any) -> Tensor:
        """The function's result for other values of the same shapes."""
        for own, given in zip(self._inputs, pytree.tree_leaves(arguments), strict=True):
            if isinstance(own, Tensor):
                own.copy_(given, non_blocking=True)
        if not self._is_warm:  # compiles what it calls, and lets libraries choose their kernels
            first = whole(self._call())
            self._is_warm = True
            return first
        if not self._parts and self._can_be_recorded:
            self._try_to_record()
        if not self._parts:
            return whole(self._call())
        self._replay()
        return self._output.clone()

    def _call(self) -> Parts:
        return self._function(*pytree.tree_unflatten(self._inputs, self._tree))

    def _try_to_record(self) -> None:
        """Record, or know from now on that it cannot be: what is called instead takes a little longer."""
        try:
            self._parts = self._recorded()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:  # CUDA's errors have no other common class
            self._can_be_recorded, _Graph._shared = False, None  # a broken recording's memory is not used again
            told = str(error).partition("\n")[0]
            warnings.warn(f"generator: batches are drawn without a recording, a little slower: {told}", stacklevel=2)

    def _recorded(self) -> list[torch.cuda.CUDAGraph]:
        """Each part as a graph; what one leaves in memory for the next lies in their pool, and is never moved."""
        pool = None if _Graph._shared is None else _Graph._shared()
        if pool is None:
            pool = _Pool()
            _Graph._shared = weakref.ref(pool)
        torch.cuda.synchronize()
        gc.collect()
        torch.cuda.empty_cache()
        parts, recorded, goes_on = self._call(), [], True
        while goes_on:
            graph = torch.cuda.CUDAGraph()
            graph.capture_begin(pool=pool.handle, capture_error_mode="thread_local")
            try:
                next(parts)
            except StopIteration as end:
                self._output, goes_on = end.value, False
            finally:
                graph.capture_end()
            recorded.append(graph)
            pool.graph = pool.graph or graph
        self._pool = pool
        return recorded

    def _replay(self) -> None:
        for part in self._parts:
            if len(_Graph._launched) > 1:  # one is at work and one waits
                _Graph._launched.popleft().synchronize()
            part.replay()
            event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            event.record()
            _Graph._launched.append(event)


def written(value: Tensor) -> Tensor:
    """The same tensor; but a compiler writes what it holds to memory, in its own order, and all who need it read it.

    Left alone, it computes a value that several others need anew in each of them, and lays out what it does write as it
    likes.
    """
    return value.as_strided(value.shape, value.stride())


def _shapes(arguments: Any) -> Any:
    leaves, tree = pytree.tree_flatten(arguments)
    return str(tree), tuple(_shape(leaf) for leaf in leaves)


def _shape(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return tuple(leaf.shape), leaf.dtype, leaf.device.type
    return leaf


def _marker(key: str) -> Path:
    machine = [key, torch.__version__]
    if torch.cuda.is_available():
        machine.append(torch.cuda.get_device_name())
    return cache_folder() / f"dst3d-{hashlib.sha256(repr(machine).encode()).hexdigest()[:24]}"


@contextmanager
def one_at_a_time(key: str) -> Iterator[None]:
    """Let one process of this machine at a time compile what `key` names."""
    marker = _marker(key)
    marker.parent.mkdir(parents=True, exist_ok=True)
    with marker.with_suffix(".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
