"""What is stored: tables, rows, named statements, migrations; the only SQL of the project."""
