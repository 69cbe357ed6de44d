"""What is wrong with settings that were not valid, in the words of a sentence. Pure."""

from pydantic import ValidationError


def first_problem(error: ValidationError, whole: str = "settings") -> str:
    """Return where the first problem is and what it is; `whole` names a problem of no one key."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or whole
    return f"{where}: {first['msg']}"
