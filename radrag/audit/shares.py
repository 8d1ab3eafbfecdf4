"""Shares of counts with Wilson's interval, which stays within 0 and 1 and says something also of few and of none."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054
"""The 97.5 % point of the standard normal distribution: intervals of 95 %."""

COLUMNS = ("count", "of", "share", "95 % from", "95 % to")
"""Headings of :attr:`Share.cells`."""


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``of``; without any, neither share nor interval."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """The share in [0, 1]."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | tuple[None, None]:
        """Wilson's score interval of 95 % (Wilson 1927; Brown, Cai & DasGupta 2001, equation 4)."""
        if not self.of:
            return None, None
        share, n = self.count / self.of, self.of
        centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        # At the ends the formula gives 0 and 1, but for rounding.
        return (centre - half if self.count else 0.0), (centre + half if self.count < n else 1.0)

    @property
    def cells(self) -> tuple[int, int, float | None, float | None, float | None]:
        """Count, of, share, and the interval's ends."""
        return self.count, self.of, self.value, *self.interval
