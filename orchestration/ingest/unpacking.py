"""A delivered file made readable: recognised by name, hashed, unpacked and decoded to UTF-8."""

import codecs
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

CHUNK = 1 << 20
NEWLINE = "\n"
FIRST_OF_JAPAN = "\u3000"  # of the signs of its script
TEXT_FORMATS = ("csv", "tsv", "jsonl")
FORMATS = (*TEXT_FORMATS, "parquet", "xlsx")
ALSO = {"json": "jsonl", "ndjson": "jsonl"}  # as BigQuery calls JSON lines, and others
COMPRESSIONS = ("gz", "zst")
ARCHIVES = (
    "zip", "tar", "tgz", "tbz", "tbz2", "txz", "7z", "rar", "bz2", "xz", "lz4", "lzma", "z", "cab",
    "lzh", "lha",
)  # fmt: skip
ENCODINGS = {"cp932": "cp932", "euc-jp": "euc_jp"}  # that no mark tells, by Python's names
# Text of an export rarely packs to less than a fiftieth; a bomb packs to a thousandth.
MAX_UNPACKING = 200
UNPACKED_WITHOUT_ASKING = 64 << 20
ZSTD_CHUNK = 1 << 12  # a bomb of this size unpacks to little over 100 MB
# What a file is, whatever its name says, by its first bytes.
SIGNS = {
    b"PK\x03\x04": "a zip archive (an .xlsx workbook is one too)",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "Parquet",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls), which is to be saved as .xlsx",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"BZh": "a bz2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF",
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
}
PAGES = (b"<!doctype html", b"<html")
HEAD = 512  # bytes; the kind of a tar archive stands before the 263rd
# What Python's cp932 makes of bytes that mean nothing in it.
NOT_CP932 = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class RejectedError(Exception):
    """A delivered file that cannot be read; the message says where and what to do."""

    header: tuple[str, ...] = ()  # its columns, where so much could be read


@dataclass(frozen=True)
class Form:
    """How a file is packed, as its name says."""

    format: str
    compression: str | None = None


@dataclass(frozen=True)
class Scan:
    """What a glance over the bytes of a text file tells."""

    lines: int  # but those of `blank`
    has_quotes: bool
    has_nul: bool
    blank: int = 0  # blank lines at the end
    escaped_in: int | None = None  # the line of the first escape sequence of ISO-2022-JP


def form_of(name: str, declared: str | None = None) -> Form:
    """The form of a file by its name; `declared` is a format that a mapping gives it."""
    parts = name.lower().split(".")
    ending = parts[-1] if len(parts) > 1 else ""
    compression = ending if ending in COMPRESSIONS else None
    if compression:
        ending = parts[-2] if len(parts) > 2 else ""
    if ending in ARCHIVES:
        raise RejectedError(
            f"an archive (.{ending}): unpack it and deliver the files in it,"
            " each plain, .gz or .zst"
        )
    if declared:
        return Form(declared, compression)
    ending = ALSO.get(ending, ending)
    if ending not in FORMATS:
        raise RejectedError(
            f"unknown file type .{ending}" if ending else "a file without a type in its name"
        )
    return Form(ending, compression)


def unpack(
    path: Path,
    form: Form,
    encodings: Sequence[str],
    folder: Path,
    max_ratio: int = MAX_UNPACKING,
) -> Path:
    """The file's plain content, in UTF-8 where it is text: itself, or a copy in `folder`. Of
    several encodings the first holds in which all of the file is valid. What unpacks to more
    than `max_ratio` times its size is not unpacked.

    Raises RejectedError naming the byte (and line) where the file is broken.
    """
    if path.stat().st_size == 0:
        raise RejectedError("the file is empty (0 bytes)")
    folder.mkdir(parents=True, exist_ok=True)
    if form.compression:
        unpacked = folder / "unpacked"
        _write(unpacked, _unpacked(path, form.compression, max_ratio))
        path = unpacked
        if path.stat().st_size == 0:
            raise RejectedError("the file is empty once unpacked (0 bytes)")
    if form.format not in TEXT_FORMATS:
        return path
    _refuse_disguised(path)
    decoded = folder / "decoded"
    for encoding in encodings[:-1]:
        try:
            _write(decoded, decoded_chunks(path, codec_of(path, encoding) or encoding))
        except RejectedError:
            continue
        return decoded
    codec = codec_of(path, encodings[-1] if encodings else None)
    if codec is None:
        return path
    _write(decoded, decoded_chunks(path, codec))
    return decoded


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    try:
        with path.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
    except OSError as error:
        raise OSError(error.errno or 0, error.strerror, str(path)) from error


def _unpacked(path: Path, compression: str, max_ratio: int) -> Iterator[bytes]:
    size = 0
    for chunk in _gunzipped(path) if compression == "gz" else _unzstded(path):
        size += len(chunk)
        refuse_bomb(path, size, max_ratio)
        yield chunk


def refuse_bomb(path: Path, unpacked: int, max_ratio: int) -> None:
    """Raise RejectedError where so many bytes are too many for what they come out of."""
    if unpacked > max(UNPACKED_WITHOUT_ASKING, path.stat().st_size * max_ratio):
        raise RejectedError(
            f"unpacks to more than {max_ratio} times its size: taken for a zip bomb; if it is"
            " none, deliver it unpacked, or raise max_unpacking_ratio in company.yml"
        )


def _refuse_disguised(path: Path) -> None:
    """Raise RejectedError where a text file is none, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    found = next((what for sign, what in SIGNS.items() if head.startswith(sign)), None)
    if head[257:262] == b"ustar":
        found = "a tar archive"
    elif head.lstrip().lower().startswith(PAGES):
        found = "a web page (one to sign in perhaps, saved in place of the export)"
    if found:
        raise RejectedError(f"is {found}, whatever its name says")
    zeros = [head[start::2].count(0) * 2 / len(head) for start in (0, 1)] if head else [0]
    if max(zeros) > 0.3 and min(zeros) < 0.1 and not head.startswith(tuple(MARKS)):
        raise RejectedError("is UTF-16 without its byte order mark (byte 0), or no text at all")


def _gunzipped(path: Path) -> Iterator[bytes]:
    member = None
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            while chunk:
                member = member or zlib.decompressobj(zlib.MAX_WBITS | 16)
                at = file.tell() - len(chunk)
                try:
                    yield member.decompress(chunk, 16 * CHUNK)
                    while member.unconsumed_tail:
                        yield member.decompress(member.unconsumed_tail, 16 * CHUNK)
                except zlib.error as error:
                    raise RejectedError(f"corrupt gzip after byte {at}: {error}") from None
                chunk = member.unused_data.lstrip(b"\0")
                if member.eof:
                    member = None
    if member:
        raise RejectedError(f"the gzip file ends too early, at byte {path.stat().st_size}")


def _unzstded(path: Path) -> Iterator[bytes]:
    frame = None
    with path.open("rb") as file:
        while chunk := file.read(ZSTD_CHUNK):
            while chunk:
                frame = frame or zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
                at = file.tell() - len(chunk)
                try:
                    yield frame.decompress(chunk)
                except zstandard.ZstdError as error:
                    raise RejectedError(f"corrupt zstd after byte {at}: {error}") from None
                chunk = frame.unused_data
                if frame.eof:
                    frame = None
    if frame:
        raise RejectedError(f"the zstd file ends too early, at byte {path.stat().st_size}")


def codec_of(path: Path, encoding: str | None) -> str | None:
    """What to decode the file from; None where DuckDB can read it as it is."""
    with path.open("rb") as file:
        head = file.read(4)
    marked = next((codec for mark, codec in MARKS.items() if head.startswith(mark)), None)
    if marked in ("utf-16-le", "utf-16-be"):
        return marked
    if encoding == "utf-16":
        raise RejectedError("not UTF-16: it has no byte order mark (byte 0)")
    codec = ENCODINGS.get(encoding or "")
    if codec and not marked:
        if _is_japanese_utf8(path):
            raise RejectedError(
                f"is UTF-8, and not {(encoding or '').upper()} as its mapping says: take its"
                " `encoding` away"
            )
        return codec
    return None


def _is_japanese_utf8(path: Path) -> bool:
    """Whether a file is UTF-8 with Japanese in it: no text of another encoding is so by chance."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    found = False
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                found |= max(decoder.decode(chunk), default="") >= FIRST_OF_JAPAN
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return found


def decoded_chunks(path: Path, codec: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)()
    line, start = 1, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
                if codec == "cp932" and (odd := NOT_CP932.search(text)):
                    sound = len(text[: odd.start()].encode(codec))
                    raise UnicodeDecodeError(codec, chunk, sound, sound + 1, "no such character")
            except UnicodeDecodeError as error:
                sound = error.object[: error.start].decode(codec, "replace")
                raise RejectedError(
                    f"line {line + sound.count(NEWLINE)}, byte"
                    f" {start - pending + error.start}: not {codec.upper().replace('_', '-')}"
                    f" ({error.reason}); say the right `encoding` in its mapping"
                ) from None
            if text:
                yield text.removeprefix("\ufeff").encode() if start == 0 else text.encode()
            if not chunk:
                return
            line += text.count(NEWLINE)
            start += len(chunk)


def scan(path: Path) -> Scan:
    """Count lines and look for what needs care; a glance at the speed of the disk."""
    lines, quotes, nul, tail = 0, False, False, b""
    escaped = None
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if escaped is None and (at := chunk.find(b"\x1b$")) >= 0:
                escaped = lines + chunk.count(b"\n", 0, at) + 1
            lines += chunk.count(b"\n")
            quotes = quotes or b'"' in chunk
            nul = nul or b"\0" in chunk
            tail = (tail + chunk)[-CHUNK:]
    blank = tail[len(tail.rstrip(b"\r\n")) :].count(b"\n")
    return Scan(lines - blank + 1, quotes, nul, blank, escaped)


def free_of_old_newlines(path: Path, folder: Path) -> Path:
    """The file itself, or a copy whose lines, ended by a lone carriage return, end as usual."""
    with path.open("rb") as file:
        head = file.read(CHUNK)
    if b"\n" in head or b"\r" not in head:
        return path
    copy = folder / "newlines"
    with path.open("rb") as file:
        _write(copy, iter(lambda: file.read(CHUNK).replace(b"\r", b"\n"), b""))
    return copy
