"""The cache: values of fields, kept in Redis and fenced against every write that they lack."""
