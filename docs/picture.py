"""Draw README's picture of the demo: `python docs/picture.py [SECONDS]` runs it and writes docs/demo.svg."""

import os
import re
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from sixsense.fusion.fused import Fused
from sixsense.launch.config import load_config
from sixsense.launch.display import View
from sixsense.launch.plan import plan_run
from sixsense.launch.queries import config_queries
from sixsense.launch.service import Service
from sixsense.sensors.sample import NS

OUT = Path(__file__).with_name("demo.svg")
WIDTH, HEIGHT = 118, 36


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 26.0
    config = load_config("demo")
    view = View("demo: a small simulated robot")
    console = Console(record=True, width=WIDTH, height=HEIGHT, force_terminal=True, file=StringIO())
    until_ns = None
    with Service(plan_run(config, queries=config_queries(config))) as service:
        for output in service.outputs(timeout_s=60):
            view.update(output, time.monotonic())
            if isinstance(output, Fused):
                until_ns = until_ns or output.stamp_ns + round(seconds * NS)
                if output.stamp_ns >= until_ns:
                    break
        console.print(view.render(time.monotonic(), HEIGHT))
    svg = console.export_svg(title="sixsense demo")
    # The fonts that rich names are fetched from the network; a viewer's own monospace font serves.
    svg = re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.S).replace("Fira Code", "DejaVu Sans Mono")
    OUT.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state:
        # What was asked on this machine before shall not stand in the picture.
        os.environ["XDG_STATE_HOME"] = state
        main()
