from datetime import timedelta
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from agent.signing import Credentials, sign
from tests.agent.fakes import NOON


def botocores(*, host, path, headers, body, credentials, region, service, now):
    """The headers of the same request as botocore's own signer makes them."""
    request = botocore.awsrequest.AWSRequest("POST", f"https://{host}{path}", headers=dict(headers), data=body)
    request.headers["Host"] = host
    keys = botocore.credentials.Credentials(credentials.access_key, credentials.secret_key, credentials.token or None)
    signer = botocore.auth.SigV4Auth(keys, service, region)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=now.replace(tzinfo=None)):
        signer.add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize("body", [b"", b'{"Namespace":"CWAgent"}', bytes(range(256)) * 100])
@pytest.mark.parametrize("host", ["monitoring.eu-west-1.amazonaws.com", "127.0.0.1:4566"])
@pytest.mark.parametrize("path", ["/", "/v1/metrics"])
@pytest.mark.parametrize("extra", [{}, {"Content-Encoding": "gzip", "X-Odd": "  two   spaces "}])
def test_the_signature_is_botocores_byte_for_byte(token, body, host, path, extra):
    arguments = {
        "host": host,
        "path": path,
        "headers": {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
            **extra,
        },
        "body": body,
        "credentials": Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token),
        "region": "eu-west-1",
        "service": "monitoring",
        "now": NOON + timedelta(seconds=1, microseconds=5),
    }

    assert botocores(**arguments) == sign(**arguments)


def test_credentials_do_not_print_their_secrets():
    assert "secret" not in repr(Credentials("key", "secret", "secret-token"))
