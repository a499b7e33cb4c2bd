"""What is due is a row; the worker only looks for such rows and works them off, each job one at a time wherever workers
run. A worker may be killed at any moment: what was done is committed, what was not is due still.

To add a job, write three lines in `known`: its name, when it is due, and the function that works it off.
"""

from cdi.jobs.known import jobs_of
from cdi.jobs.worker import Happening, Worker

__all__ = ["Happening", "Worker", "jobs_of"]
