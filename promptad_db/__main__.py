"""``python -m promptad_db``."""

from promptad_db.cli.main import main

main()
