"""Monitoring: the figures of the queue and of the streams for Prometheus, and what keeps all from being well.

:func:`metrics_text` is the page of ``/connector/metrics``, :func:`troubles` what ``/connector/health`` reports. Neither
shows a call, a payload or a message of another system.
"""

from .exposition import CONTENT_TYPE
from .health import Trouble, troubles
from .metrics import metrics_text

__all__ = ["CONTENT_TYPE", "Trouble", "metrics_text", "troubles"]
