"""A queue of jobs in which addresses take turns, and within an address its viewers."""

from collections.abc import Hashable
from typing import Generic, TypeVar

JobT = TypeVar("JobT", bound=Hashable)

ClientKey = tuple[Hashable, Hashable]
"""An address and a viewer; None for one that is not known."""


class JobQueue(Generic[JobT]):
    """Jobs of clients; those of one client are taken in their order.

    Addresses take turns, one job each, and so do the viewers of one address. Having many jobs or
    viewers gives no more turns, and a client with one job waits for one job of each of the others.
    """

    def __init__(self) -> None:
        self._jobs: dict[Hashable, dict[Hashable, dict[JobT, None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def count(self, client: ClientKey) -> int:
        """Returns how many jobs of the client wait."""
        address, viewer = client
        return len(self._jobs.get(address, {}).get(viewer, ()))

    def add(self, client: ClientKey, job: JobT) -> None:
        """Adds a job after the client's others; a job may be queued for several clients."""
        address, viewer = client
        self._jobs.setdefault(address, {}).setdefault(viewer, {})[job] = None

    def discard(self, client: ClientKey, job: JobT) -> None:
        """Removes a job of the client, if it is queued."""
        address, viewer = client
        viewers = self._jobs.get(address, {})
        jobs = viewers.get(viewer, {})
        jobs.pop(job, None)
        if not jobs:
            viewers.pop(viewer, None)
        if not viewers:
            self._jobs.pop(address, None)

    def take(self) -> JobT:
        """Takes the job whose turn it is; its address and its viewer then have the last turn."""
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
