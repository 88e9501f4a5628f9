"""The suite freezes all values at run time (`base/light.py`), in the processes it starts too."""

from __future__ import annotations

import os

os.environ["FREEZE_LIGHT_DATACLASSES"] = "1"
