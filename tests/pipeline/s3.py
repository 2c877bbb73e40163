"""A server that speaks S3 over HTTP on the loopback interface."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


class Bucket:
    """A bucket of the server at `endpoint`."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.endpoint = endpoint
        self.url = f"s3://{name}/team"
        names = ("aws_access_key_id", "aws_secret_access_key", "region_name")
        self._bucket = boto3.resource("s3", endpoint_url=endpoint, **dict(zip(names, CREDENTIALS.values(), strict=True))).Bucket(name)
        self._bucket.create()

    def digests(self) -> set[str]:
        """The MD5 of every file that dvc has put there, by which it names them."""
        return {"".join(entry.key.split("/")[-2:]) for entry in self._bucket.objects.all()}


@contextmanager
def bucket(name: str) -> Iterator[Bucket]:
    """An empty bucket, for as long as the block lasts."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # It would print a line per request.
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Bucket(f"http://{host}:{port}", name)
    finally:
        server.stop()
