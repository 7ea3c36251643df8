"""PostgreSQL: connections, transactions, statements, pages, the change log, migrations."""
