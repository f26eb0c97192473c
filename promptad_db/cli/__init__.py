"""The command line: a command is parse, one library call, one print."""
