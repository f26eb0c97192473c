"""A read-only web app over the database and the run folders: pages made on the server, one module a page."""
