"""Tokens in place of personal data: HMAC-SHA256 of the normalised value under the company's key."""

import hmac
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from orchestration import keys
from orchestration.company import Company
from orchestration.contract import Column
from orchestration.ledger import known_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext

BLOCK = 64  # of SHA-256, in bytes
DIGITS = 64  # of a token
INNER, OUTER = 0x36, 0x5C  # RFC 2104


@dataclass(frozen=True)
class TokenKey:
    """What tokens are made under: HMAC-SHA256 by the company's first key and, since another took
    its place, AES by the present one over it. So a token is made anew from the token, without
    the value, of which the vault knows but some; and what the first key alone can tell is not
    what lies in any file.
    """

    first: bytes = field(repr=False)
    present: bytes | None = field(default=None, repr=False)

    @classmethod
    def following(cls, before: "TokenKey", key: str) -> "TokenKey":
        """The key that tokens made under `before` are to be under next."""
        return cls(before.first, key.encode())

    @cached_property
    def _cipher(self) -> "Cipher | None":
        if self.present is None:
            return None
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        # Equal tokens are to stay equal, and no two blocks are but of equal values: each is half
        # of an HMAC.
        return Cipher(algorithms.AES256(_derived(self.present, "tokens")), modes.ECB())

    def hashed(self, text: str) -> str:
        """The token of a text that needs no folding."""
        return self.covered([hmac.new(self.first, text.encode(), sha256).hexdigest()])[0]

    def covered(self, tokens: Sequence[str]) -> list[str]:
        """Tokens of the first key as they are under the present one."""
        return _through(self._cipher.encryptor(), tokens) if self._cipher else list(tokens)

    def uncovered(self, tokens: Sequence[str]) -> list[str]:
        """And back."""
        return _through(self._cipher.decryptor(), tokens) if self._cipher else list(tokens)

    def wrapped(self) -> str | None:
        """The first key, for whoever has the present one."""
        if self.present is None:
            return None
        from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

        return aes_key_wrap_with_padding(_derived(self.present, "key"), self.first).hex()

    @classmethod
    def unwrapped(cls, present: bytes, wrapped: str) -> "TokenKey":
        from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

        key = _derived(present, "key")
        return cls(aes_key_unwrap_with_padding(key, bytes.fromhex(wrapped)), present)


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, f"over {purpose}".encode(), sha256).digest()


def _through(context: "CipherContext", tokens: Sequence[str]) -> list[str]:
    digits = context.update(bytes.fromhex("".join(tokens))).hex()
    return [digits[at : at + DIGITS] for at in range(0, len(digits), DIGITS)]


def read_key(company: Company) -> TokenKey:
    """The company's key, which is made on first use. Raises WrongKey where it is not the one that
    tokens were made under before.
    """
    key = keys.read(company, keys.TOKENS)
    keys.used(company, keys.TOKENS, key)
    known = known_keys(company.ledger)[keys.TOKENS.name]
    if known.wrapped:
        return TokenKey.unwrapped(key.encode(), known.wrapped)
    return TokenKey(key.encode())


def install(connection: duckdb.DuckDBPyConnection, key: TokenKey) -> None:
    """Give a connection the functions that make tokens. The key stands in no SQL text."""
    first = sha256(key.first).digest() if len(key.first) > BLOCK else key.first
    for variable, pad in (("token_inner", INNER), ("token_outer", OUTER)):
        block = bytes(byte ^ pad for byte in first.ljust(BLOCK, b"\0"))
        connection.execute(f"set variable {variable} = ?", [block])
    connection.create_function("nfkc", _nfkc, ["VARCHAR"], "VARCHAR", type="arrow")
    for macro in MACROS:
        connection.execute(f"create temp macro {macro}")
    made = "first_token(v)"
    if key.present is not None:
        install_over(connection, "covered", key.covered)
        made = f"covered({made})"
    connection.execute(f"create temp macro hmac_token(v) as {made}")


def install_over(
    connection: duckdb.DuckDBPyConnection, name: str, change: Callable[[list[str]], list[str]]
) -> None:
    """Give a connection a function that makes other tokens of tokens."""

    def over(values: pa.Array) -> pa.Array:
        found = iter(change([v for v in values.to_pylist() if v is not None]))
        return pa.array([v and next(found) for v in values.to_pylist()], pa.string())

    connection.create_function(name, over, ["VARCHAR"], "VARCHAR", type="arrow")


def _nfkc(values: pa.Array) -> pa.Array:
    return pa.array(
        [v if v is None else unicodedata.normalize("NFKC", v) for v in values.to_pylist()],
        pa.string(),
    )


HIRAGANA = "".join(map(chr, range(ord("ぁ"), ord("ゖ") + 1)))
KATAKANA = "".join(map(chr, range(ord("ァ"), ord("ヶ") + 1)))
# Characters of names that are written in either form, by the same person in two systems.
OLD_FORMS = (
    "髙﨑嵜邊邉齋齊德澤濱濵嶋嶌廣國櫻眞惠增龍瀨栁𠮷黑淺榮將豐彌會學壽實"
    "寶冨峯淵圓與應萬靜條桒檜鷗籠蘆靏舘穗亞傳關鐵鹽聰莊禮凛"
)
NEW_FORMS = (
    "高崎崎辺辺斎斉徳沢浜浜島島広国桜真恵増竜瀬柳吉黒浅栄将豊弥会学寿実"
    "宝富峰渕円与応万静条桑桧鴎篭芦鶴館穂亜伝関鉄塩聡荘礼凜"
)

MACROS = (
    # Only what is not ASCII can change; Python sees no more than that.
    r"""folded(v) as trim(case
        when regexp_full_match(v, '[\x00-\x7F]*') then v else nfkc(v) end)""",
    """first_token(v) as sha256(
        getvariable('token_outer')::blob
        || unhex(sha256(getvariable('token_inner')::blob || encode(v)))
    )""",
    """mail_form(v) as lower(folded(v))""",
    r"""handle_form(v) as ltrim(lower(folded(v)), '@')""",
    # 090-1234-5678, +81 90 1234 5678 and 0081-90-1234-5678 are one number.
    r"""phone_form(v) as case
        when regexp_full_match(folded(v), '\s*(\+|00).*')
            then '+' || regexp_replace(
                ltrim(regexp_replace(replace(folded(v), '(0)', ''), '\D', '', 'g'), '0'),
                '^810', '81'
            )
        when regexp_full_match(regexp_replace(folded(v), '\D', '', 'g'), '0\d+')
            then '+81' || ltrim(regexp_replace(folded(v), '\D', '', 'g'), '0')
        else coalesce(nullif(regexp_replace(folded(v), '\D', '', 'g'), ''), folded(v)) end""",
    r"""address_form(v) as case
        when contains(folded(v), '@') then mail_form(v)
        when regexp_full_match(folded(v), '\+?[\d\s().-]{9,}') then phone_form(v)
        else folded(v) end""",
    r"""kana_form(v) as translate(regexp_replace(folded(v), '\s', '', 'g'),
        '""" + HIRAGANA + """', '""" + KATAKANA + """')""",
    # 佐佐木 is 佐々木
    r"""name_form(v) as translate(
        regexp_replace(regexp_replace(lower(folded(v)), '\s', '', 'g'), '(.)々', '\1\1', 'g'),
        '""" + OLD_FORMS + """', '""" + NEW_FORMS + """')""",
    r"""postal_form(v) as coalesce(nullif(regexp_replace(upper(folded(v)), '[^0-9A-Z]', '', 'g'),
        ''), folded(v))""",
)  # fmt: skip
FORMS = {
    "email": "mail_form(v)",
    "requester_email": "mail_form(v)",
    "phone": "phone_form(v)",
    "recipient": "address_form(v)",
    "author_handle": "handle_form(v)",
    "postal_code": "postal_form(v)",
    "family_name": "name_form(v)",
    "given_name": "name_form(v)",
    "family_name_kana": "kana_form(v)",
    "given_name_kana": "kana_form(v)",
    "identity_value": """case identity_type
        when 'email' then mail_form(v)
        when 'phone' then phone_form(v)
        when 'sns_handle' then handle_form(v)
        else folded(v) end""",
}


def normalised(column: str, value: str) -> str:
    """SQL for the form of a value in which equal persons are equal."""
    return FORMS.get(column, "folded(v)").replace("(v)", f"({value})")


def token(column: Column, value: str) -> str:
    """SQL for what raw holds of a pii column: a token, or the value where it names no person."""
    hidden = f"hmac_token({normalised(column.name, value)})"
    if column.plain_where:
        hidden = f"case when {column.plain_where} then {value} else {hidden} end"
    return f"case when {value} is not null then {hidden} end"
