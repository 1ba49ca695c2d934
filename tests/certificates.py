"""Certificates for servers of this machine, made anew for each module that needs some."""

from pathlib import Path

import trustme

HERE = "localhost"  # the only name that the server's certificate has


def write_certificates(folder: Path) -> None:
    """Of an authority, of the server and the client that it knows, and of strangers."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    other.cert_pem.write_to_path(folder / "other.pem")
    for name, issued in {
        "server": authority.issue_cert(HERE),
        "client": authority.issue_cert(common_name="certified"),
        "stranger": other.issue_cert(common_name="certified"),
    }.items():
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        (folder / f"{name}.key").chmod(0o600)
