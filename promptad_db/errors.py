"""What can go wrong, as small named classes: each says what happened and, in its hint, how to fix it."""

from enum import IntEnum

from promptad_db.limits import LONGEST_MESSAGE


class ExitCode(IntEnum):
    """What the command line answers to the shell."""

    DONE = 0
    FINDINGS = 1
    WRONG_USAGE = 2
    DATABASE = 3
    BAD_INPUT = 4
    NO_ROWS = 5
    BUG = 70  # EX_SOFTWARE of sysexits.h, so that a bug is not taken for a finding
    INTERRUPTED = 130


class PromptadError(Exception):
    """The base of every error that a user is meant to read.

    ``hint`` names the flag, command or edit that fixes it, and may be empty.
    """

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, hint: str = "") -> None:
        if len(message) > LONGEST_MESSAGE:
            half = LONGEST_MESSAGE // 2
            message = f"{message[:half]} ... {message[-half:]}"
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n  {self.hint}" if self.hint else message


class UsageError(PromptadError):
    """A flag or an argument that cannot be meant this way."""

    exit_code = ExitCode.WRONG_USAGE


class InputError(PromptadError, ValueError):
    """A file, a folder or an array that cannot be trusted; the message names it."""


class RunLockedError(InputError):
    """Somebody else was changing a run folder for longer than we were told to wait."""


class NothingToIngestError(InputError):
    """The places given hold neither run folders nor result files."""


class DatabaseError(PromptadError):
    """The database is missing, locked, broken, or of another version."""

    exit_code = ExitCode.DATABASE


class DamagedDatabaseError(DatabaseError):
    """The file of the database cannot be read any more; the run folders can make it again."""


class DatabaseLockedError(DatabaseError):
    """Somebody else kept the lock for longer than we were told to wait."""


class SchemaError(DatabaseError):
    """The schema of the database is not the one this version works with."""


class QueryError(PromptadError):
    """The user's own SQL does not run."""

    exit_code = ExitCode.WRONG_USAGE


class InterruptedRunError(PromptadError):
    """Somebody stopped a run; what was finished is kept."""

    exit_code = ExitCode.INTERRUPTED


class NoRowsError(PromptadError):
    """Nothing in the database matches what was asked for."""

    exit_code = ExitCode.NO_ROWS
