"""What is asked of a database: filters in, result sets out, each query in an .sql file."""
