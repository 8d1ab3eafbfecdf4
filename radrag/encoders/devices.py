"""A GPU is used only when the caller names it, and named only when it is there."""

from __future__ import annotations

import re

from radrag.errors import UsageError


def check_device(device: str) -> None:
    """Check that ``device`` (``cpu``, ``cuda`` or ``cuda:N``) can be used on this machine.

    Raises:
        UsageError: the name is unknown or the GPU is not there.
    """
    if device == "cpu":
        return
    match = re.fullmatch(r"cuda(?::(\d+))?", device)
    if not match:
        raise UsageError(f"Unknown device {device!r}.", hint="Use cpu, cuda or cuda:N.")
    import torch

    count = torch.cuda.device_count()
    if int(match[1] or 0) >= count:
        raise UsageError(f"Device {device!r} is not on this machine ({count} CUDA devices).", hint="Use cpu.")
