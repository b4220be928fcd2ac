"""What is compared with: OCA's addons from PyPI, in a folder of their own; no part of this project."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# With what their manifests ask for beside Odoo.
QUEUE_JOB = ("odoo-addon-queue-job==19.0.2.4.0.1", "openupgradelib==3.13.7")
COMPONENT_EVENT = (
    "odoo-addon-component==19.0.1.0.1.6",
    "odoo-addon-component-event==19.0.1.0.0.9",
    "cachetools==8.0.2",
)
CONNECTOR = (*COMPONENT_EVENT, "odoo-addon-connector==19.0.1.0.0.5", *QUEUE_JOB)


def install(packages: tuple[str, ...]) -> Path:
    """Install packages and nothing that they depend on; return the folder, to be kept for the next time."""
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"connector-bench-{key}-{os.getuid()}"
    if not (folder / "complete").exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--no-deps", "--target", str(folder)]
        subprocess.run([*command, *packages], check=True)
        (folder / "complete").touch()
    return folder
