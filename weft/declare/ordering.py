"""The direction of an order, for every connection that can be ordered."""

import enum


class OrderDirection(enum.StrEnum):
    """Which end comes first."""

    ASC = "ASC"
    DESC = "DESC"
