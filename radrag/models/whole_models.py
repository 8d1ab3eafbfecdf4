"""Tensors out of a pickled whole model, without running any of its code.

torchxrayvision releases its DenseNets as whole pickled modules, in torch's format of before 1.6, which torch reads
only by running the pickle. Here every class that such a pickle may name is one inert stand-in that only keeps what it
is given, and every function that it may name one of the two below; any other name is refused. The parameters and
buffers are then read from the stand-ins' attributes.

Formats: ``torch.serialization._legacy_load`` (five pickles, then each storage as an int64 count and its bytes) and
``torch.save`` since 1.6 (a zip file with ``data.pkl`` and one file a storage).
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from radrag.errors import MissingModel, WeightsError

if TYPE_CHECKING:
    import torch

MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of the format before 1.6."""

DEEPEST = 32
"""Levels of modules; a pickle may hold a module inside itself."""

STORAGES = {"FloatStorage": ("float32", 4), "LongStorage": ("int64", 8), "HalfStorage": ("float16", 2)}
"""Storage class → dtype and bytes a value."""


class _StandIn:
    """Takes the place of every module class: keeps attributes, does nothing."""

    def __init__(self, *_: object) -> None: ...


@dataclass(frozen=True, slots=True)
class _Slice:
    """A tensor whose values are still in the file: key of its storage, dtype, and how it lies in there."""

    key: str
    dtype: str
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(
    storage: tuple[str, str], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Slice:
    return _Slice(*storage, offset, tuple(size), tuple(stride))


def _parameter(data: _Slice, *_: object) -> _Slice:
    return data


NAMES: Mapping[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    **{f"torch.{name}": dtype for name, (dtype, _) in STORAGES.items()},
    **{
        f"torchxrayvision.models.{name}": _StandIn for name in ("DenseNet", "_DenseBlock", "_DenseLayer", "_Transition")
    },
    **{
        f"torch.nn.modules.{name}": _StandIn
        for name in (
            "activation.ReLU",
            "batchnorm.BatchNorm2d",
            "container.Sequential",
            "conv.Conv2d",
            "linear.Linear",
            "pooling.AvgPool2d",
            "pooling.MaxPool2d",
        )
    },
}
"""All that a torchxrayvision DenseNet's pickle names → what stands for it here."""


class _Reader(pickle.Unpickler):
    """Unpickles with :data:`NAMES` only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name.

        ``set`` is a builtin under another module name in protocol 2, and modules keep one of buffer names.
        """
        if (module, name) in {("builtins", "set"), ("__builtin__", "set")}:
            return set
        try:
            return NAMES[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError(f"names {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        """Return a storage as its key and dtype; a class stored with its source code as the class."""
        kind, *rest = pid
        if kind == "module":
            return rest[0]
        if kind == "storage" and rest[0] in {dtype for dtype, _ in STORAGES.values()} and not any(rest[4:]):
            return str(rest[1]), rest[0]
        raise pickle.UnpicklingError("holds an unknown kind of storage")


def state_of_whole_model(path: Path) -> dict[str, torch.Tensor]:
    """Read the state dict of a pickled torchxrayvision DenseNet.

    Args:
        path: a file written by ``torch.save(model)``, of any version of torch.

    Returns:
        Parameter and buffer name → tensor on the CPU, as ``model.state_dict()`` names them.

    Raises:
        MissingModel: there is no such file.
        WeightsError: the file names another class or function, is damaged, or holds no module.
    """
    if not path.is_file():
        raise MissingModel(f"There is no weights file {path}.", hint="Check the path.")
    try:
        with path.open("rb") as file:
            model, storages = _read_zip(file) if zipfile.is_zipfile(path) else _read_old(file)
        state = {name: _materialise(tensor, storages) for name, tensor in _tensors(model, "", depth=0)}
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} is no torchxrayvision DenseNet ({error}); loading it could run code and is refused.",
            hint="Convert it where you trust it, with safetensors.torch.save_file(model.state_dict(), FILE).",
        ) from error
    except (
        AttributeError, EOFError, IndexError, KeyError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise WeightsError(f"{path.name} is damaged ({type(error).__name__}).", hint="Get the file again.") from error
    if not state:
        raise WeightsError(f"{path.name} holds no module with weights.", hint="Get the file again.")
    return state


def _read_old(file: IO[bytes]) -> tuple[object, Mapping[str, bytes]]:
    if _Reader(file).load() != MAGIC:
        raise pickle.UnpicklingError("is not in torch's format")
    _Reader(file).load()  # version of the format
    _Reader(file).load()  # byte order and sizes of the machine: every machine that ran torch is little-endian
    model = _Reader(file).load()
    keys = [str(key) for key in _Reader(file).load()]
    sizes = {slice_.key: dict(STORAGES.values())[slice_.dtype] for _, slice_ in _tensors(model, "", depth=0)}
    storages = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        storages[key] = file.read(count * sizes[key])
    return model, storages


def _read_zip(file: IO[bytes]) -> tuple[object, Mapping[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        (inside,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = inside.removesuffix("data.pkl") + "data/"
        model = _Reader(io.BytesIO(archive.read(inside))).load()
        names = [name for name in archive.namelist() if name.startswith(folder)]
        return model, {name.removeprefix(folder): archive.read(name) for name in names}


def _materialise(tensor: _Slice, storages: Mapping[str, bytes]) -> torch.Tensor:
    import torch

    if math.prod(tensor.size) * dict(STORAGES.values())[tensor.dtype] > len(storages[tensor.key]):
        raise ValueError  # a stride of 0 could ask for any amount of memory
    flat = torch.frombuffer(bytearray(storages[tensor.key]), dtype=getattr(torch, tensor.dtype))
    return flat.as_strided(tensor.size, tensor.stride, tensor.offset).clone()


def _tensors(module: object, prefix: str, *, depth: int) -> Iterator[tuple[str, _Slice]]:
    if not isinstance(module, _StandIn) or depth > DEEPEST:
        return
    for kind in ("_parameters", "_buffers"):
        for name, value in _entries(module, kind):
            if isinstance(value, _Slice):
                yield f"{prefix}{name}", value
    for name, child in _entries(module, "_modules"):
        yield from _tensors(child, f"{prefix}{name}.", depth=depth + 1)


def _entries(module: _StandIn, kind: str) -> list[tuple[str, object]]:
    found = vars(module).get(kind)
    return [(str(name), value) for name, value in found.items()] if isinstance(found, Mapping) else []
