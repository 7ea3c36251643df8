"""Jobs that wait, and whose turn it is: that of an address, and there of a viewer."""

from collections.abc import Hashable
from typing import Generic, TypeVar

JobT = TypeVar("JobT", bound=Hashable)

ClientKey = tuple[Hashable, Hashable]
"""An address and a viewer; None for what is not known of it."""


class JobQueue(Generic[JobT]):
    """Jobs of clients, the first of each client first.

    Addresses take turns, one job each, and so do the viewers of one address: to have many of one
    gives no more turns, and who has one job waits for one job of each of the others.
    """

    def __init__(self) -> None:
        self._jobs: dict[Hashable, dict[Hashable, dict[JobT, None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def count(self, client: ClientKey) -> int:
        """How many jobs of the client wait."""
        address, viewer = client
        return len(self._jobs.get(address, {}).get(viewer, ()))

    def add(self, client: ClientKey, job: JobT) -> None:
        """Puts a job behind the client's others; it may wait for several clients at once."""
        address, viewer = client
        self._jobs.setdefault(address, {}).setdefault(viewer, {})[job] = None

    def discard(self, client: ClientKey, job: JobT) -> None:
        """Takes a job of the client away, if it waits."""
        address, viewer = client
        viewers = self._jobs.get(address, {})
        jobs = viewers.get(viewer, {})
        jobs.pop(job, None)
        if not jobs:
            viewers.pop(viewer, None)
        if not viewers:
            self._jobs.pop(address, None)

    def take(self) -> JobT:
        """Takes the job whose turn it is; its address and its viewer have the last turn then."""
        address = next(iter(self._jobs))
        viewers = self._jobs.pop(address)
        viewer = next(iter(viewers))
        jobs = viewers.pop(viewer)
        job = next(iter(jobs))
        del jobs[job]
        if jobs:
            viewers[viewer] = jobs
        if viewers:
            self._jobs[address] = viewers
        return job
