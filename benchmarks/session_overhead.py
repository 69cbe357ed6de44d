"""Where the time of a virtual-time session goes, and what share of it is neuroloop's own.

Runs one whole session (daemon, stimulus process, simulated rig, log) with a 4096-d code, 40 images
a generation and 75 generations, and prints each stage as a share of the total. `other` is what no
stage accounts for; `wire` is waiting that neither the rig nor the display explains.

    .venv/bin/python benchmarks/session_overhead.py [--generations 75] [--generator gaussian]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from controller.cli.config_commands import template
from sessions.reader import open_log
from sessions.report import summary

NEUROLOOP = str(Path(sys.executable).with_name("neuroloop"))
NETWORKS = ["deepsim_fc6", "deepsim_fc7", "deepsim_fc8", "deepsim_pool5"]


def run(folder: Path, generations: int, generator: str) -> Path:
    """Run the session and return the path of its log."""
    config = folder / "session.toml"
    config.write_text(template(), encoding="utf-8")
    settings = [
        "session.time=virtual",
        "display.kind=virtual",
        f"stopping.max_generations={generations}",
    ]
    if generator in NETWORKS:
        settings.append(f'generators.main={{kind="{generator}", weights="random"}}')
    sets = [word for setting in settings for word in ("--set", setting)]
    command = [NEUROLOOP, "run", str(config), "--json", *sets]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return Path(json.loads(done.stdout)["log"])


def main() -> None:
    """Print the time split of one session."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=75)
    parser.add_argument("--generator", choices=["gaussian", *NETWORKS], default="gaussian")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = summary(open_log(run(Path(place), chosen.generations, chosen.generator)))
    total_s = found.time_split_s["total"]
    print(f"{chosen.generations} generations with {chosen.generator}: {total_s:.1f} s")
    for stage, seconds in found.time_split_s.items():
        if stage != "total":
            print(f"  {stage:<10} {100 * seconds / total_s:5.1f} %  {seconds:7.2f} s")


if __name__ == "__main__":
    main()
