"""The sample company's systems, started only when `cdi.yaml` says so: its webshop, answered on loopback.

The other three are files. `${env:CDI_SAMPLE_WEBSHOP_…}` in `cdi.yaml` has a value while `running` does.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from cdi.sample.admin_api import AdminApi
from cdi.sample.http import serving
from cdi.sample.shop import load_shop
from cdi.settings import Settings

WEBSHOP_URL: Final = "CDI_SAMPLE_WEBSHOP_URL"
CLIENT_ID: Final = "CDI_SAMPLE_WEBSHOP_CLIENT_ID"
CLIENT_SECRET: Final = "CDI_SAMPLE_WEBSHOP_CLIENT_SECRET"  # noqa: S105  the name of a variable
WEBSHOP_DATA: Final = "data/webshop"


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """The sample company's webshop answers on loopback; the environment says where and how to sign in.

    Does nothing in a deployment that is no sample company, and where the environment names a webshop already.
    Raises ConfigurationError when the shop's data are not in the deployment folder.
    """
    if not settings.deployment.sample_company or WEBSHOP_URL in os.environ:
        yield
        return
    # Made anew for each process, so that nothing in a file looks like a secret or is taken for one.
    credentials = {
        CLIENT_ID: os.environ.get(CLIENT_ID, "SAMPLE-COMPANY"),
        CLIENT_SECRET: os.environ.get(CLIENT_SECRET, f"demo-only-{secrets.token_urlsafe(12)}"),
    }
    shop = load_shop(settings.folder / WEBSHOP_DATA)
    api = AdminApi(shop, credentials[CLIENT_ID], credentials[CLIENT_SECRET])
    with serving(api) as url, _environment({WEBSHOP_URL: url, **credentials}):
        yield


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
