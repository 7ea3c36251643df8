"""Loading: keys in, values out, in key order, batched within and across requests."""
