"""Loading: values of keys, in key order, batched within and across requests."""
