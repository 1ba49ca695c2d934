"""Objects of an S3-compatible store, by boto3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from orchestration.live.config import Bucket
from orchestration.live.drops import Remote
from orchestration.live.secrets import Secrets
from orchestration.live.watermark import SourceError

CHUNK = 1 << 20
CONNECT_SECONDS, READ_SECONDS = 15, 60


class _Objects:
    def __init__(self, client: Any, bucket: str, prefix: str):
        self.client, self.bucket, self.prefix = client, bucket, prefix

    def files(self, below: str, is_deep: bool) -> Iterator[Remote]:
        """The objects below a folder; those of folders in it only where that is deep enough."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket,
            Prefix=self.prefix + (f"{below}/" if below else ""),
            Delimiter="" if is_deep else "/",
        )
        for page in pages:
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):
                    yield Remote(
                        found["Key"].removeprefix(self.prefix),
                        found["Size"],
                        found["ETag"].strip('"'),
                        found["LastModified"].timestamp(),
                    )

    def get(self, remote: Remote, to: BinaryIO) -> None:
        key = self.prefix + remote.path
        held = self.client.get_object(Bucket=self.bucket, Key=key, IfMatch=f'"{remote.stamp}"')
        for chunk in held["Body"].iter_chunks(CHUNK):
            to.write(chunk)

    def is_as_it_was(self, remote: Remote) -> bool:
        return True  # an object is whole or not there, and `IfMatch` asked for this one


@contextmanager
def open_bucket(source: Bucket, secrets: Secrets) -> Iterator[_Objects]:
    """The objects below the source's address."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    prefix = secrets.fill(urlsplit(source.url).path.strip("/"))
    try:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=secrets.fill(source.endpoint),
            region_name=source.region,
            aws_access_key_id=secrets.fill(source.key_id),
            aws_secret_access_key=secrets.fill(source.secret_key),
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path" if source.endpoint else "auto"},
            ),
        )
        yield _Objects(client, secrets.fill(source.host), f"{prefix}/" if prefix else "")
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise SourceError(str(error), may_pass=status == 429 or status >= 500) from None
    except NoCredentialsError as error:
        raise SourceError(
            f"{error}: name `key_id` and `secret_key`, or give this machine a role"
        ) from None
    except BotoCoreError as error:
        raise SourceError(str(error), may_pass=True) from None


def greet_bucket(source: Bucket, secrets: Secrets) -> None:
    """Ask for one object's name, and no more."""
    with open_bucket(source, secrets) as objects:
        objects.client.list_objects_v2(Bucket=objects.bucket, Prefix=objects.prefix, MaxKeys=1)
