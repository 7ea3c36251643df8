"""GraphQL on the wire: HTTP, WebSockets, pages for browsers; knows no field of any schema."""
