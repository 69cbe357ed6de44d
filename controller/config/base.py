"""What all tables of a config have in common."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """Base of all tables: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
