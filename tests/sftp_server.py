"""An SFTP server on a port of this machine."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

asyncssh = pytest.importorskip("asyncssh")


def private_key(kind: str = "ssh-ed25519"):
    return asyncssh.generate_private_key(kind)


def public(key) -> str:
    return key.export_public_key().decode().strip()


@contextmanager
def server(root: Path, host_key, password: str, *known: str) -> Iterator[int]:
    """Its port; `reader` comes in by the password, or by a key whose public half is known."""

    class Guard(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, given: str) -> bool:
            return (username, given) == ("reader", password)

        def public_key_auth_supported(self) -> bool:
            return bool(known)

        def validate_public_key(self, username: str, key) -> bool:
            return username == "reader" and public(key) in known

    async def start():
        return await asyncssh.create_server(
            Guard,
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root)),
        )

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    yield server.get_port()
    loop.call_soon_threadsafe(loop.stop)
