"""Prometheus' text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["CONTENT_TYPE", "Family", "render"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True)
class Family:
    """The samples of one metric.

    :param kind: gauge or counter
    """

    name: str
    help: str
    kind: str = "gauge"
    samples: list[str] = field(default_factory=list)

    def add(self, value: float, **labels: object) -> None:
        """Add a sample."""
        pairs = ",".join(f'{name}="{str(text).translate(_ESCAPES)}"' for name, text in labels.items())
        self.samples.append(f"{self.name}{{{pairs}}} {value:.15g}" if pairs else f"{self.name} {value:.15g}")


def render(families: Iterable[Family]) -> str:
    """Return the page; families without a sample are left out."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}", *family.samples]
    return "\n".join([*lines, ""])
