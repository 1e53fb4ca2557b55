"""A message store in a schema of a PostgreSQL database, by psycopg."""
