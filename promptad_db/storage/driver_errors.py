"""What the drivers of stores raise, as one kind of error."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptad_db.errors import PromptadError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reaching(where: object) -> Iterator[None]:
    """Whatever a store's driver raises comes out as an OSError that names the address."""
    try:
        yield
    except (PromptadError, ImportError, ValueError):
        raise
    except Exception as error:  # botocore, paramiko and google.auth have errors of their own
        reason = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
        kind = next((one for one in (FileNotFoundError, PermissionError) if isinstance(error, one)), OSError)
        raise kind(getattr(error, "errno", None) or errno.EIO, reason, str(where)) from error
