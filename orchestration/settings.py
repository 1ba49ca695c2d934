"""The only module that reads the environment."""

import hashlib
import os
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = ROOT / "dbt_project"
REFERENCE = ROOT / "seeds" / "reference"
SAMPLE = ROOT / "seeds" / "sample"
VENDORS = ROOT / "orchestration" / "vendors"


def company_folder() -> Path:
    """The company that this process serves; the bundled sample unless the environment says."""
    return Path(os.environ.get("KIZUNA_COMPANY") or SAMPLE).resolve()


def token_key() -> str | None:
    """The key of the tokens, where the environment and not a file holds it."""
    return os.environ.get("KIZUNA_TOKEN_KEY")


def new_token_key() -> str | None:
    """The key that `kizuna rotate` puts in the place of that of the tokens."""
    return os.environ.get("KIZUNA_NEW_TOKEN_KEY")


def new_vault_key() -> str | None:
    """The key that `kizuna rotate` puts in the place of that of the vault."""
    return os.environ.get("KIZUNA_NEW_VAULT_KEY")


def vault_key() -> str | None:
    """The key of the vault, where the environment and not a file holds it."""
    return os.environ.get("KIZUNA_VAULT_KEY")


def secret(name: str) -> str | None:
    """A secret that company.yml names by its variable; an empty one is none."""
    return os.environ.get(name) or None


def crash_at() -> str | None:
    """The step of a night at which it is to die, which only tests say."""
    return os.environ.get("KIZUNA_CRASH_AT")


def environment(**changed: str) -> dict[str, str]:
    """This process's environment for a child, with what is given changed."""
    return {**os.environ, **changed}


def cache_folder() -> Path:
    """Where what can be made again is kept between runs, outside the project."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kizuna"


def dagster_home() -> str | None:
    """Where Dagster keeps its runs, where the environment says."""
    return os.environ.get("DAGSTER_HOME")


def code_version() -> str:
    """The release, and a hash of the code as it lies on the disk."""
    digest = hashlib.sha256()
    for folder in ("dbt_project", "expectations", "orchestration", "seeds/reference"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".sql", ".yml", ".csv"):
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return f"{metadata.version('kizuna')}+{digest.hexdigest()[:12]}"


def serve(company: Path) -> None:
    """From now on this process, and what it starts, serves that company and tells nobody."""
    os.environ["KIZUNA_COMPANY"] = str(company)
    os.environ.update(
        DO_NOT_TRACK="1",
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        GX_ANALYTICS_ENABLED="false",
        DAGSTER_DISABLE_TELEMETRY="yes",
        RUNTIME__DLTHUB_TELEMETRY="false",
    )
