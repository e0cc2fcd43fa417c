"""A real S3 server on loopback, with one bucket."""

import pytest


@pytest.fixture(scope="module")
def bucket():
    server = pytest.importorskip("moto.server", reason="NOT TESTED: moto")
    boto3 = pytest.importorskip("boto3", reason="NOT TESTED: boto3")
    pytest.importorskip("s3fs", reason="NOT TESTED: s3fs")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"])
        client.create_bucket(Bucket="team")
        yield client
    running.stop()


def list_keys(bucket):
    return [each["Key"] for each in bucket.list_objects_v2(Bucket="team")["Contents"]]
