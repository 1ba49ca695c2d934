"""What `serving` in company.yml says."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from orchestration.live.config import Part, Place, Postgres


class Server(Place):
    """A PostgreSQL database that shows the marts."""

    kind = Postgres.kind
    schemes = Postgres.schemes
    packages = Postgres.packages
    parameters = Postgres.parameters
    certificates = Postgres.certificates

    max_seconds: float = Field(
        600,
        gt=0,
        description="Longest that a night tries; what is then not shown waits for the next.",
    )
    reader_seconds: int = Field(
        60,
        ge=1,
        description="Longest that a reader's statement, or idle transaction, may last.",
    )

    @field_validator("url")
    @classmethod
    def _is_of_postgresql(cls, value: str) -> str:
        if urlsplit(value).scheme not in cls.schemes:
            raise ValueError(f"needs an address that begins with {cls.schemes[0]}://")
        return value


class Serving(Part):
    """Where the marts are shown beside the published files."""

    postgres: Server | None = Field(
        None, description="A PostgreSQL database of its own, which shows the current version."
    )
