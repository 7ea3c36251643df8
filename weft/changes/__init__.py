"""The change log, the relay that puts it in order, and the hub that feeds subscriptions."""
