"""How a torch network is run: eagerly, or the fastest way on this CPU that gives the same vectors and findings.

Drafts run the network eagerly in float32 unless the settings say otherwise, so that the same inputs give the same
draft byte for byte: what is fastest differs from CPU to CPU, and bfloat16 moves a score in its third digit.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from radrag.disk import replacing
from radrag.encoders.base import FloatArray, ImageEncoder, unit_rows
from radrag.errors import UsageError
from radrag.optional import require

if TYPE_CHECKING:
    import torch

Run = Callable[["torch.Tensor"], tuple["torch.Tensor", ...]]
Read = Callable[[tuple["torch.Tensor", ...]], tuple[FloatArray, FloatArray]]

FASTEST = "fastest"
LEAST_COSINE = 0.999
MOST_CHANGE = 0.01
"""The guard: the least cosine of a vector and the most change of a finding's score, against eager float32."""
PROBES = 4
_REPEATS = 3
_CHOICES = "runtimes.json"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to run a network.

    Attributes:
        name: of :data:`RUNTIMES`.
        run: float32 [n, 1, s, s] → what the network returns, in float32, as a flat tuple.
        note: why it was taken.
    """

    name: str
    run: Run
    note: str = ""


@runtime_checkable
class Hastened(Protocol):
    """An encoder that has several runtimes."""

    def hasten(self, *, cache: Path | None = None, wanted: str = "") -> Runtime:
        """Take the fastest runtime, or the wanted one, for what is encoded from now on."""
        ...


def hasten(encoder: ImageEncoder, wanted: str, *, cache: Path | None = None) -> Runtime | None:
    """Let an encoder take a runtime.

    Args:
        encoder: what shall be faster.
        wanted: of :data:`RUNTIMES`, or :data:`FASTEST`.
        cache: see :func:`choose`.

    Returns:
        What was taken; None for an encoder that runs eagerly only.

    Raises:
        UsageError: this encoder cannot run as wanted.
        MissingDependency: the wanted runtime is not installed.
    """
    if isinstance(encoder, Hastened):
        return encoder.hasten(cache=cache, wanted="" if wanted == FASTEST else wanted)
    if wanted not in {FASTEST, "eager"}:
        raise UsageError(
            f"{encoder.card.name} runs eagerly only, not as {wanted}.", hint="Leave --runtime and RADRAG_RUNTIME out."
        )
    return None


def eager(network: Any, _probe: torch.Tensor | None = None) -> Run:
    """Run the network as it is, in float32."""

    def run(pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        import torch

        with torch.inference_mode():
            return _flat(network(pixels))

    return run


def channels_last(network: Any, _probe: torch.Tensor) -> Run:
    """Run in float32 with the channels beside each other in memory, as oneDNN's convolutions want them."""
    import torch

    laid_out = _copy(network).to(memory_format=torch.channels_last)

    def run(pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with torch.inference_mode():
            return _flat(laid_out(pixels.contiguous(memory_format=torch.channels_last)))

    return run


def bfloat16(network: Any, _probe: torch.Tensor) -> Run:
    """Run convolutions and products in bfloat16, which AMX multiplies about ten times as fast as float32."""
    import torch

    laid_out = _copy(network).to(memory_format=torch.channels_last)

    def run(pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return _flat(laid_out(pixels.contiguous(memory_format=torch.channels_last)))

    return run


def openvino(network: Any, probe: torch.Tensor) -> Run:
    """Run the network's graph in OpenVINO, in bfloat16 where the CPU has it and in float32 elsewhere.

    Raises:
        MissingDependency: OpenVINO is not installed.
    """
    import torch

    ov = require("openvino", extra="fast")
    # The frontend is called directly: openvino.convert_model would report its use over the network.
    frontend = require("openvino.frontend", extra="fast").FrontEndManager().load_by_framework("pytorch")
    decoder = require("openvino.frontend.pytorch.ts_decoder", extra="fast").TorchScriptPythonDecoder
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it traces the network, which torch calls outdated
        graph = decoder(_copy(network), example_input=(probe,))  # in a name: the frontend does not keep it alive
        model = frontend.convert(frontend.load(graph))
    compiled = ov.Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})

    def run(pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = compiled(pixels.contiguous().numpy())
        return tuple(torch.from_numpy(np.array(found[output], np.float32)) for output in compiled.outputs)

    return run


RUNTIMES: dict[str, Callable[[Any, Any], Run]] = {
    "openvino": openvino,
    "bfloat16": bfloat16,
    "channels_last": channels_last,
    "eager": eager,
}


def available() -> tuple[str, ...]:
    """Return the names of the runtimes that this machine has, eager last."""
    import torch

    names = ["openvino"] if importlib.util.find_spec("openvino") else []
    # Emulated, bfloat16 takes three times as long as float32.
    names += ["bfloat16"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else []
    return (*names, "channels_last", "eager")


def choose(
    network: Any, probe: torch.Tensor, read: Read, *, wanted: str = "", cache: Path | None = None, key: str = ""
) -> Runtime:
    """Return the fastest runtime that passes the guard on the probe.

    Each runtime is measured once on a machine; ``cache`` keeps the choice, and only the guard is checked again.

    Args:
        network: in evaluation mode, on the CPU, in float32.
        probe: float32 [n, 1, s, s], inputs to measure and to compare with; see :func:`probe_images`.
        read: outputs of the network → vectors [n, d] and scores [n, l].
        wanted: of :data:`RUNTIMES`, or empty for the fastest.
        cache: folder that keeps the choice; None measures anew.
        key: names the network in the cache.

    Raises:
        MissingDependency: the wanted runtime is not installed.
    """
    plain = eager(network)
    if wanted == "eager":
        return Runtime("eager", plain)
    reference = read(plain(probe))
    known = _known(cache, key)
    names = (wanted,) if wanted else (known,) if known in available() else available()
    best, least, failed = Runtime("eager", plain), np.inf, []
    for name in names:
        try:
            run = RUNTIMES[name](network, probe)
            fits = agrees(reference, read(run(probe)))
        except RuntimeError:  # torch's and OpenVINO's, for an operation that they do not have
            fits = False
        if not fits:
            failed.append(name)
            continue
        seconds = 0.0 if len(names) == 1 else statistics.median(_seconds(run, probe) for _ in range(_REPEATS))
        if seconds < least:
            best, least = Runtime(name, run), seconds
    if cache and not wanted and not failed and len(names) > 1:
        _keep(cache, key, best.name)
    note = f"{', '.join(failed)} cannot run it, or not with the vectors and findings of eager float32" if failed else ""
    return Runtime(best.name, best.run, note)


def agrees(reference: tuple[FloatArray, FloatArray], found: tuple[FloatArray, FloatArray]) -> bool:
    """Whether vectors and scores [n, d], [n, l] are within the guard; what is not finite is not."""
    cosines = (unit_rows(reference[0]) * unit_rows(found[0])).sum(axis=1)
    change = np.abs(reference[1] - found[1])
    return bool((cosines >= LEAST_COSINE).all() and (change <= MOST_CHANGE).all())


def probe_images(size: int) -> torch.Tensor:
    """Return made-up films, float32 [PROBES, 1, size, size] in [0, 1]: structure of many sizes, some noise, a mark."""
    import torch
    from torch.nn.functional import interpolate

    random = torch.Generator().manual_seed(0)
    total = torch.zeros(PROBES, 1, size, size)
    for cells in (3, 7, 15, 31):
        coarse = torch.rand(PROBES, 1, cells, cells, generator=random)
        total += interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False) / cells**0.5
    total += 0.02 * torch.randn(total.shape, generator=random)
    low, high = total.amin((2, 3), keepdim=True), total.amax((2, 3), keepdim=True)
    total = (total - low) / (high - low)
    total[..., : size // 16, : size // 8] = 1
    return total


def processor() -> str:
    """Return the CPU's name and what it can multiply, with the number of threads torch uses."""
    import torch

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


def _seconds(run: Run, probe: torch.Tensor) -> float:
    started = time.perf_counter()
    run(probe)
    return time.perf_counter() - started


def _flat(outputs: Any) -> tuple[torch.Tensor, ...]:
    if isinstance(outputs, list | tuple):
        return tuple(tensor for output in outputs for tensor in _flat(output))
    return (outputs.float(),)


def _copy(network: Any) -> Any:
    import copy

    return copy.deepcopy(network)


def _entry(key: str) -> str:
    import torch

    return f"{key} | {processor()} | torch {torch.__version__} | {', '.join(available())}"


def _known(cache: Path | None, key: str) -> str:
    try:
        kept = json.loads((cache / _CHOICES).read_text(encoding="utf-8")) if cache else {}
        return str(kept.get(_entry(key), ""))
    except (OSError, ValueError, AttributeError):  # none yet, or damaged: measured anew
        return ""


def _keep(cache: Path, key: str, name: str) -> None:
    path = cache / _CHOICES
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    cache.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(json.dumps({**kept, _entry(key): name}, indent=1), encoding="utf-8")
