"""Files of an SFTP folder, by paramiko, from a host whose key is known."""

import base64
import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from orchestration.live.config import HOST_KEY, Sftp
from orchestration.live.drops import Remote
from orchestration.live.secrets import Secrets
from orchestration.live.watermark import SourceError

SECONDS = 15  # for a connection to be made
PORT = 22
READ_AHEAD = 64  # requests of 32 kB


class _Folder:
    def __init__(self, sftp: Any, root: str):
        self.sftp, self.root = sftp, root

    def files(self, below: str, is_deep: bool) -> Iterator[Remote]:
        """The files below a folder, deep or not; links are not followed."""
        for entry in self.sftp.listdir_attr(f"{self.root}/{below}" if below else self.root):
            path = f"{below}/{entry.filename}" if below else entry.filename
            if stat.S_ISDIR(entry.st_mode) and is_deep:
                yield from self.files(path, is_deep)
            elif stat.S_ISREG(entry.st_mode):
                yield Remote(path, entry.st_size, str(entry.st_mtime), entry.st_mtime)

    def get(self, remote: Remote, to: BinaryIO) -> None:
        self.sftp.getfo(
            f"{self.root}/{remote.path}", to, max_concurrent_prefetch_requests=READ_AHEAD
        )

    def is_as_it_was(self, remote: Remote) -> bool:
        now = self.sftp.stat(f"{self.root}/{remote.path}")
        return (now.st_size, str(now.st_mtime)) == (remote.size, remote.stamp)


@contextmanager
def open_sftp(source: Sftp, secrets: Secrets) -> Iterator[_Folder]:
    """The files below the source's address."""
    import paramiko

    parts = urlsplit(source.url)
    host, port = secrets.fill(source.host), parts.port or PORT
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        if known := _host_key(source):
            name = host if port == PORT else f"[{host}]:{port}"
            client.get_host_keys().add(name, known.get_name(), known)
        else:
            client.load_system_host_keys()
        client.connect(
            host,
            port,
            username=secrets.fill(unquote(parts.username or "")),
            password=secrets.fill(parts.password),
            key_filename=_key_file(source, secrets),
            passphrase=secrets.fill(source.key_password),
            allow_agent=False,
            look_for_keys=False,
            timeout=SECONDS,
            banner_timeout=SECONDS,
            auth_timeout=SECONDS,
        )
        sftp = client.open_sftp()
        sftp.get_channel().settimeout(4 * SECONDS)
        yield _Folder(sftp, secrets.fill(unquote(parts.path.rstrip("/"))))
    except paramiko.AuthenticationException as error:
        shown = "`key_file`" if source.key_file else "the password"
        raise SourceError(
            f"{str(error).rstrip('.')}: {parts.username} does not come in by {shown}; ask who runs"
            " it, or correct that"
        ) from None
    except paramiko.BadHostKeyException as error:
        where = "`host_key`" if source.host_key else "~/.ssh/known_hosts"
        raise SourceError(
            f"the server has another key than in {where}: {error.key.get_name()}"
            f" {error.key.get_base64()}. Do not write that one there before who runs it confirms it"
        ) from None
    except paramiko.SSHException as error:
        is_strange = "not found in known_hosts" in str(error)
        advice = (
            ": ask who runs it for its public key and write it as `host_key: ssh-ed25519 AAAA…`"
            if is_strange
            else ""
        )
        raise SourceError(f"{error}{advice}", may_pass=not is_strange) from None
    except FileNotFoundError as error:
        raise SourceError(f"no such folder or file: {error}") from None
    except (OSError, EOFError) as error:
        if error.args[:1] == (errno.ENOSPC,) or getattr(error, "filename", None):
            raise  # of this machine
        raise SourceError(str(error) or type(error).__name__, may_pass=True) from None
    finally:
        client.close()


def _host_key(source: Sftp) -> Any:
    """The key that the server must have; None where ~/.ssh/known_hosts says which."""
    import paramiko

    if source.host_key is None:
        return None
    found = HOST_KEY.fullmatch(source.host_key)
    assert found
    try:
        return paramiko.PKey.from_type_string(found[1], base64.b64decode(found[2]))
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError):
        raise SourceError("`host_key` is no public key of a server: look it up again") from None


def _key_file(source: Sftp, secrets: Secrets) -> str | None:
    """The path of the private key, which is one that can be read and opened."""
    import paramiko

    if source.key_file is None:
        return None
    path = Path(source.key_file).expanduser()
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            kind.from_private_key_file(str(path), secrets.fill(source.key_password))
            return str(path)
        except OSError as error:
            raise SourceError(f"`key_file`: {error.strerror}: {path}") from None
        except paramiko.PasswordRequiredException:
            raise SourceError(f"`key_file` {path} is closed: `key_password` opens it") from None
        except (paramiko.SSHException, ValueError):
            continue
    opened = "that `key_password` opens" if source.key_password else "as `ssh-keygen` writes them"
    raise SourceError(f"`key_file` {path} is no private key {opened}")


def greet_sftp(source: Sftp, secrets: Secrets) -> None:
    """Connect and look whether the folder is there, and no more."""
    with open_sftp(source, secrets) as folder:
        folder.sftp.stat(folder.root or "/")
