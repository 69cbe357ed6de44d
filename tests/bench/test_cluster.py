"""Workers of Dask: what SLURM is asked for, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from controller.bench.cluster import cluster_workers, slurm_settings
from controller.bench.errors import BenchError

SLURM = """
queue = "short"
memory = "4 GB"
walltime = "02:00:00"
interface = "lo"
job_script_prologue = ["module load gcc"]
"""

JOB_SCRIPT = """
import signal, sys
from pathlib import Path
from controller.bench.cluster import slurm_cluster

before = signal.getsignal(signal.SIGINT)
with slurm_cluster(Path(sys.argv[1])) as cluster:
    print(cluster.scheduler_address)
    print(cluster.job_script())
    keys = list(Path(sys.argv[1]).parent.glob(".dask-jobqueue.worker.*"))
    assert len(keys) == 3, keys
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys), keys
assert signal.getsignal(signal.SIGINT) is before
"""
"""In a process of its own: what Dask leaves for the garbage collector is not this one's."""


def test_a_job_of_slurm_has_one_thread_and_takes_part_by_its_keys_alone(tmp_path: Path) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text(f'{SLURM}shared_temp_directory = "{tmp_path}"\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", JOB_SCRIPT, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    address, *script = done.stdout.splitlines()
    assert address.startswith("tls://127.0.0.1:")
    assert "#SBATCH -p short" in script
    prologue = ["module load gcc", "export OMP_NUM_THREADS=1", "export OPENBLAS_NUM_THREADS=1"]
    first = script.index("module load gcc")
    assert script[first : first + 3] == prologue
    assert "--nthreads 1 " in script[first + 3]
    assert f"--tls-key {tmp_path}" in script[first + 3]


def test_slurm_without_a_place_for_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "slurm.toml").write_text(SLURM, encoding="utf-8")
    with pytest.raises(BenchError, match="lacks shared_temp_directory"):
        slurm_settings(tmp_path / "slurm.toml")
    with pytest.raises(BenchError, match="holds no settings of SLURM"):
        slurm_settings(tmp_path / "none.toml")


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.bench.cluster._PATIENCE_S", 0.5)
    with (
        pytest.raises(BenchError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        cluster_workers("tcp://127.0.0.1:9", 1),
    ):
        pass
