"""Workers of a Dask cluster: on this machine, at a scheduler that runs already, or under SLURM.

The plan stays the same, and so do the results. Dask sends code as pickles, so whoever can reach a
scheduler can run anything there. One on this machine listens on loopback alone, one for SLURM takes
only workers with its keys, and neither serves a dashboard; one that runs already is its lab's to
protect, by its network or by TLS. What is left out: starting a scheduler elsewhere.
"""

import os
import signal
import tomllib
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.bench.errors import BenchError
from controller.processes import ONE_THREAD

LOCAL = "local"
"""In place of an address: a cluster on this machine."""
_PATIENCE_S = 60


@contextmanager
def cluster_workers(where: str, n_workers: int) -> Iterator[Executor]:
    """Connect to workers, and leave them at the end; those that were started here end.

    Args:
        where: "local", an address as "tcp://10.0.0.5:8786", or a TOML file of SLURM settings.
        n_workers: how many to start; a scheduler that runs already has as many as it has.

    Raises:
        BenchError: there is no Dask, or no cluster.

    """
    distributed = _imported("distributed", "cluster")
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)
    try:
        with _cluster(distributed, where, n_workers) as cluster:
            try:
                client = distributed.Client(cluster, timeout=_PATIENCE_S, set_as_default=False)
            except (OSError, ValueError) as error:
                raise BenchError(
                    f"no Dask scheduler answers at {where} ({error}): start one with dask "
                    "scheduler, or name another --cluster"
                ) from error
            with client:
                executor = client.get_executor(pure=False, retries=2)
                try:
                    yield executor
                finally:
                    executor.shutdown(wait=False)
    finally:
        os.environ.clear()
        os.environ.update(before)


def slurm_settings(path: Path) -> dict[str, Any]:
    """Return the keywords of dask_jobqueue's SLURMCluster that a TOML file holds.

    Each job has one worker with one thread, and everything between machines is encrypted by keys
    that are made for this benchmark and lie in `shared_temp_directory`.

    Raises:
        BenchError: it cannot be read, or says nothing of that folder.

    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} holds no settings of SLURM: {error}") from error
    if "shared_temp_directory" not in table:
        raise BenchError(
            f"{path} lacks shared_temp_directory: a folder that all nodes see and that only you "
            "can read, where the keys lie with which workers and scheduler know each other"
        )
    ours = {"cores": 1, "processes": 1, "protocol": "tls://", "security": True}
    return {**table, **ours, "job_script_prologue": _prologue(table)}


def _prologue(table: dict[str, Any]) -> list[str]:
    exports = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
    return [*table.get("job_script_prologue", []), *exports]


def slurm_cluster(path: Path) -> Any:
    """Return a cluster, without workers yet, whose jobs SLURM runs; see `slurm_settings`."""
    settings = slurm_settings(path)
    jobqueue = _imported("dask_jobqueue", "cluster")
    quiet = {"scheduler_options": {"dashboard": False}, "silence_logs": "ERROR"}
    return jobqueue.SLURMCluster(**quiet, **settings)


@contextmanager
def _cluster(distributed: Any, where: str, n_workers: int) -> Iterator[Any]:
    if where == LOCAL:
        with distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs="ERROR",
        ) as cluster:
            yield cluster
    elif where.endswith(".toml"):
        with slurm_cluster(Path(where)) as cluster:
            cluster.scale(n_workers)
            yield cluster
    else:
        yield where


def _imported(module: str, extra: str) -> Any:
    interrupted = signal.getsignal(signal.SIGINT)
    try:
        return __import__(module)
    except ImportError as error:
        raise BenchError(
            f"--cluster needs the package {module}: pip install 'neuroloop[{extra}]'"
        ) from error
    finally:
        # dask_jobqueue takes Ctrl-C for itself as it is imported.
        signal.signal(signal.SIGINT, interrupted)
