"""Limits how many different subscriptions a client has open, and how many of them catch up."""

from collections.abc import Hashable, Iterator

from weft.rates.budget import Client
from weft.transport.limits import Distinct, SocketLimits, TooMany


class SubscriptionLimit:
    """Counts open subscriptions by viewer and by address.

    Anonymous viewers are counted by address only, programs on this machine by viewer only.
    """

    def __init__(self, limits: SocketLimits) -> None:
        self._of_viewers = Distinct(limits.subscriptions_per_viewer)
        self._of_addresses = Distinct(limits.subscriptions_per_address)
        self._resumes = Distinct(limits.resumes)

    def take(self, client: Client, identity: Hashable) -> "Place":
        """A place for one subscription that begins to catch up; raises `TooMany` at a limit.

        Subscriptions of the same identity count once towards the limit of different ones.
        """
        place = Place(self, client, identity)
        for counted, holder in self.holders(client):
            if not counted.has_room(holder, identity):
                limit = counted.limit
                raise TooMany(f"You may have {limit} different subscriptions at once.")
            if not self._resumes.has_room(holder, place):
                limit = self._resumes.limit
                raise TooMany(f"You may have {limit} subscriptions that catch up at once.")
        for counted, holder in self.holders(client):
            counted.take(holder, identity)
            self._resumes.take(holder, place)
        return place

    def holders(self, client: Client) -> Iterator[tuple[Distinct, Hashable]]:
        """The counters for the client, each with the key that it has there."""
        if client.audience is not None:
            yield self._of_viewers, ("viewer", client.audience)
        if client.address is not None:
            yield self._of_addresses, ("address", client.address)

    def leave_resumes(self, client: Client, place: "Place") -> None:
        """Stops counting the subscription among those that catch up."""
        for _, holder in self.holders(client):
            self._resumes.leave(holder, place)


class Place:
    """The share that one subscription takes of its client's limits."""

    __slots__ = ("_catches_up", "_is_held", "_places", "client", "identity")

    def __init__(self, places: SubscriptionLimit, client: Client, identity: Hashable) -> None:
        self.client = client
        self.identity = identity
        self._places = places
        self._catches_up = True
        self._is_held = True

    def caught_up(self) -> None:
        """Stops counting it among those that catch up; a second call does nothing."""
        if self._catches_up:
            self._catches_up = False
            self._places.leave_resumes(self.client, self)

    def leave(self) -> None:
        """Gives the place back when the subscription has ended; a second call does nothing."""
        self.caught_up()
        if self._is_held:
            self._is_held = False
            for counted, holder in self._places.holders(self.client):
                counted.leave(holder, self.identity)
