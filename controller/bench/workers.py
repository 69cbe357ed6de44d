"""Processes that compute runs: on this machine, or wherever Dask has its own.

Either way there is an executor as in `concurrent.futures`. Workers have one thread each, so that
two are no slower than one, and every machine adds up in the same order. What is left out: what
they compute.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from types import FrameType

from controller.processes import ONE_THREAD


@contextmanager
def local_workers(n_workers: int) -> Iterator[Executor]:
    """Start processes of one thread each; at an exception they end in the middle of their work.

    They also end when this process is killed.
    """
    before, others = dict(os.environ), set(multiprocessing.active_children())
    os.environ.update(ONE_THREAD)
    terminated = signal.signal(signal.SIGTERM, _interrupt)
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(n_workers, context, initializer=_depend_on_parent)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        children = set(multiprocessing.active_children()) - others
        for child in children:
            child.terminate()
        # The executor has let go of them, and waits for none any more.
        for child in children:
            child.join()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        signal.signal(signal.SIGTERM, terminated)
        os.environ.clear()
        os.environ.update(before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Else the workers would go on for minutes without their parent.
    raise KeyboardInterrupt


def _depend_on_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        # One that was killed cannot say so, and a worker would wait for it for ever.
        os._exit(1)
