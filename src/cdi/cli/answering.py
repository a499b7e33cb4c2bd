"""The HTTP service as one process, or as several that share its address and the database.

Every process ends gracefully: it takes no new connection and answers what it took, so a restart loses no write that
was accepted. One that dies is replaced. Whoever imports this module loads the API and the desk, which takes as long as
all the rest of cdi.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from cdi.app import create_app
from cdi.cli.installed import installed, traced
from cdi.cli.listening import listen_alone, listen_together
from cdi.cli.terminal import out
from cdi.collecting import collect_seldom
from cdi.logs import configure_logging
from cdi.measured import SHARED
from cdi.pipeline import Installation
from cdi.settings import Environment

PATIENCE: Final = 25
"""Seconds that requests have to be answered when the service is asked to end; less than what supervisors give it."""

SERVICE: Final = "cdi"
SILENCE: Final = 60
"""Seconds after which a process that says nothing is replaced. Starting counts: on a busy machine it takes a while."""


def serve_alone(installation: Installation, *, announce: bool) -> None:
    """Answer in this process."""
    environment = installation.settings.environment
    with listen_alone(environment.host, environment.port) as address:
        if announce:
            _announce(environment)
        configure_logging(environment.log_level, form=environment.log_format)
        with traced(installation, SERVICE):
            app = create_app(installation)
            collect_seldom()
            server = uvicorn.Server(_config(app, environment))
            with suppress(KeyboardInterrupt):  # it repeats the signal by which it was asked to end, when it has ended
                server.run([address])
    if not server.started or server.force_exit:
        sys.exit(1)


def supervise(installation: Installation, workers: int) -> None:
    """Keep so many processes answering. This one holds the database open and the address, and does nothing else."""
    environment = installation.settings.environment
    with (
        listen_together(environment.host, environment.port) as address,
        TemporaryDirectory(prefix="cdi-serve-") as common,
    ):
        _announce(environment)
        configure_logging(environment.log_level, form=environment.log_format)
        (Path(common) / "measured").mkdir()
        os.environ[SHARED] = str(
            Path(common) / "measured"
        )  # the library reads it when it is loaded, so for processes to come
        answering = partial(_in_a_worker, installation.folder, Path(common))
        config = _config(answering, environment, factory=True, workers=workers)
        _Supervisor(config, [address]).run()


class _Supervisor(Multiprocess):
    """Replaces a process that died at once, even when it was asked for a sign of life before and had not answered."""

    def keep_subprocess_alive(self) -> None:
        for process in self.processes:
            process.child_conn.close()  # held open here, the pipe would stay silent until SILENCE is over, not break
        super().keep_subprocess_alive()


def _in_a_worker(folder: Path, common: Path) -> FastAPI:
    """The application of one of several processes, which share the folder `common`; its connections are closed when it
    ends."""
    until_the_end = ExitStack()
    installation = until_the_end.enter_context(installed(folder))
    environment = installation.settings.environment
    configure_logging(environment.log_level, form=environment.log_format)
    until_the_end.enter_context(traced(installation, SERVICE))
    app = create_app(installation, common)

    meanwhile = app.router.lifespan_context

    @asynccontextmanager
    async def open_until_the_end(app: FastAPI) -> AsyncIterator[None]:
        with until_the_end:
            async with meanwhile(app):
                yield

    app.router.lifespan_context = open_until_the_end
    collect_seldom()
    return app


def _config(app: Any, environment: Environment, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=environment.host,
        port=environment.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
        timeout_worker_healthcheck=SILENCE,
        **more,
    )


def _announce(environment: Environment) -> None:
    out.print(f"serving on http://{environment.host}:{environment.port} until Ctrl-C: the desk at /, the API at /docs")
