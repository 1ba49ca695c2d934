"""Keys: where those of the tokens and of the vault lie, and that they are the ones in use.

Of a key only its id is written down, in the ledger, by whoever first makes something under it:
another key would join nothing new to anything old, and nobody would be told.
"""

import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from orchestration.company import Company
from orchestration.configuration import ConfigError
from orchestration.disk import make_folder, rename_in
from orchestration.ledger import Ledger, known_keys
from orchestration.settings import new_token_key, new_vault_key, token_key, vault_key

KEY_BYTES = 32
ID_DIGITS = 8


class WrongKey(ConfigError):
    """A key is missing, unfit or another; the message says which, and what to do."""


@dataclass(frozen=True)
class Kind:
    """What a key is for, and where it is looked for: the environment, then a file."""

    name: str  # in the ledger
    variable: str
    given: Callable[[], str | None]  # what the variable holds
    new_variable: str  # of the key that is to take its place
    new: Callable[[], str | None]
    file: str  # in data/keys/
    opens: str
    otherwise: str  # what another key would do


TOKENS = Kind(
    "tokens",
    "KIZUNA_TOKEN_KEY",
    token_key,
    "KIZUNA_NEW_TOKEN_KEY",
    new_token_key,
    "token.key",
    "the tokens",
    "with another key, persons of earlier nights would be strangers",
)
VAULT = Kind(
    "vault",
    "KIZUNA_VAULT_KEY",
    vault_key,
    "KIZUNA_NEW_VAULT_KEY",
    new_vault_key,
    "vault.key",
    "the vault",
    "without it nobody is recognised by name",
)
KINDS = (TOKENS, VAULT)


def key_id(key: str) -> str:
    """By what a key is known, and cannot be guessed."""
    return hmac.new(key.encode(), b"the id of this key", sha256).hexdigest()[:ID_DIGITS]


def where(company: Company, kind: Kind) -> str:
    """The variable or file that a key is taken from."""
    return str(company.keys / kind.file) if kind.given() is None else kind.variable


def refuse_wrong(company: Company, kind: Kind, *, is_used: bool) -> None:
    """Raise WrongKey unless the key is the one in use; makes none."""
    if is_used or kind.name in known_keys(company.ledger):
        read(company, kind, may_make=False)
    elif kind.given() is not None or (company.keys / kind.file).is_file():
        read(company, kind)


def read(company: Company, kind: Kind, *, may_make: bool = True) -> str:
    """The key, which is made on first use. Raises WrongKey where it is not the one in use."""
    known = known_keys(company.ledger).get(kind.name)
    key, path = kind.given(), company.keys / kind.file
    if key is None:
        if not path.is_file():
            if known or not may_make:
                raise WrongKey(
                    f"{path}: the key of {kind.opens} is gone; put it back, or set"
                    f" {kind.variable}: {kind.otherwise}"
                )
            write(path, secrets.token_hex(KEY_BYTES))
        key = path.read_text(encoding="utf-8")
    place = where(company, kind)
    key = fit(key, place)
    if known and key_id(key) != known.id:
        raise WrongKey(
            f"{place}: this key has the id {key_id(key)}, and what lies in {company.data} was made"
            f" under the key of {kind.opens} with the id {known.id}: put that one back;"
            f" {kind.otherwise}"
        )
    return key


def used(company: Company, kind: Kind, key: str) -> None:
    """Write down that from now on something is made under this key."""
    if kind.name not in known_keys(company.ledger):
        Ledger(company.ledger).record_key(kind.name, key_id(key))


def fit(key: str, place: str) -> str:
    """The key without the line end of its file. Raises WrongKey where it is too short."""
    key = key.strip()
    if len(key) < KEY_BYTES:
        raise WrongKey(f"{place}: a key of {KEY_BYTES} or more characters is needed")
    return key


def following(company: Company, kind: Kind) -> str:
    """The key that is to take the place of the present one. Raises WrongKey where it is that one,
    or should come from the environment and does not.
    """
    given, present = kind.new(), read(company, kind)
    if given is None and kind.given() is not None:
        raise WrongKey(
            f"{kind.new_variable}: is to hold the new key of {kind.opens}, as {kind.variable} holds"
            " the present one"
        )
    key = secrets.token_hex(KEY_BYTES) if given is None else fit(given, kind.new_variable)
    if key == present:
        raise WrongKey(f"{kind.new_variable}: holds the present key, with the id {key_id(key)}")
    return key


def write(path: Path, key: str) -> None:
    """Keep a key in a file that its owner alone can read; whole or not at all."""
    aside = path.with_suffix(".tmp")
    write_private(aside, key)
    rename_in(aside, path)


def write_private(path: Path, key: str) -> None:
    make_folder(path.parent, mode=0o700)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key + "\n")
