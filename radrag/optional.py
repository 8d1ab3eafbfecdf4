"""Import an optional package, or say exactly how to install it."""

import importlib
from types import ModuleType

from radrag.errors import MissingDependency


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module``, which the optional extra ``extra`` of radrag installs.

    Raises:
        MissingDependency: it is not installed; the message has the install line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"{module} is not installed.", hint=f"Install it with: pip install 'radrag[{extra}]'"
        ) from error
