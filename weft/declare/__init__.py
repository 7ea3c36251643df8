"""How a schema is declared: fields, types, pages, IDs, orders; and what is checked of it."""
