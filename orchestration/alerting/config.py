"""What `alerts` of company.yml says: of what somebody is told, and by which ways."""

from collections.abc import Iterator
from datetime import time
from typing import Literal, get_args

from pydantic import Field, model_validator

from orchestration.live.config import LOOPBACK, Part, Secret
from orchestration.live.secrets import named_in

Kind = Literal["failure", "blocked", "drift", "freshness"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Mail(Part):
    """A server that takes mail."""

    host: str = Field(min_length=1, description="The server.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the line is kept private; `none` only on this machine."
    )
    user: str | None = Field(None, description="Who says it, where the server asks.")
    password: Secret | None = Field(None, description="As ${NAME} of a variable.")
    sender: str = Field(pattern="@", description="The address that it comes from.")
    to: list[str] = Field(min_length=1, description="The addresses that it goes to.")

    @model_validator(mode="after")
    def _is_private(self) -> "Mail":
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("`security: none` is for this machine alone: say starttls or tls")
        return self


class Alerts(Part):
    """Whom a night tells."""

    webhook: Secret | None = Field(
        None, description="Address of a webhook that understands Slack's, as ${NAME} of a variable."
    )
    mail: Mail | None = Field(None, description="A server that sends mail.")
    about: tuple[Kind, ...] = Field(KINDS, description=f"Of {', '.join(KINDS)}; else of all.")
    fresh_by: time = Field(
        time(7), description="Time of day by which the marts of the day before must be there."
    )

    @property
    def secrets(self) -> Iterator[str]:
        """The variables that must be in the environment."""
        return named_in(self.model_dump(mode="json"))
