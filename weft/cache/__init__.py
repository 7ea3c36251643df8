"""The cache: values of fields in Redis, with fences that invalidate them at every write."""
