"""GraphQL on the wire: HTTP, WebSockets, the browser's explorer; knows no field of any schema."""
