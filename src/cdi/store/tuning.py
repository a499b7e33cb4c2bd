"""The configuration files of the private server, made anew at each start to this machine's measure."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024
CUSTOM = "custom.conf"
WRITTEN_BY_CDI = f"# Written by cdi at each start. Your own settings belong into {CUSTOM} beside this file."
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def server_configuration(port: int, memory: int, shared_memory: int, custom: bool) -> str:
    """`postgresql.conf` for a machine with `memory` bytes, of which cdi itself needs most.

    `shared_memory` is the size of /dev/shm in bytes, which containers keep small; `custom` says whether a
    file of the user's own settings lies beside it. Durability (fsync, synchronous_commit, full_page_writes)
    stays as PostgreSQL ships it: on.
    """
    settings: dict[str, str | int] = {
        # Reached through the socket in the data folder and by nothing else.
        "listen_addresses": "",
        "port": port,
        "unix_socket_directories": ".",
        "unix_socket_permissions": "0700",
        "max_connections": 100,
        # Memory
        "shared_buffers": _megabytes(memory / 12, 128, 2048),
        "work_mem": _megabytes(memory / 256, 8, 64),
        "maintenance_work_mem": _megabytes(memory / 32, 64, 512),
        "effective_cache_size": _megabytes(memory / 2, 256, 64 * 1024),
        "dynamic_shared_memory_type": "posix" if shared_memory >= 1024 * MEGABYTE else "sysv",
        # Writing: fewer and longer checkpoints, bounded so that recovery after a crash stays within a minute. Block
        # keys fall on pages at random: compressing each page that is touched first took most of a push's time.
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "off",
        # Every answer to a reader commits its entry in the audit log. Beside a run that writes much it would have to
        # bring all that to the disk which the run has not yet, or fill a new file of the log with zeros, or wait until
        # the operating system has written a gigabyte of pages that it was handed in the last half minute.
        "wal_writer_delay": "10ms",
        "min_wal_size": "2GB",
        "backend_flush_after": "256kB",
        # Planning: local disks, short queries
        "jit": "off",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        # The log holds no statement and no value: an error's text may quote a customer.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_checkpoints": "off",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
    }
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    return "\n".join([WRITTEN_BY_CDI, *lines, *([f"include '{CUSTOM}'"] if custom else []), ""])


def authentication(superuser: str, role: str, system_users: Iterable[str]) -> tuple[str, str]:
    """`pg_hba.conf` and `pg_ident.conf`: the kernel says who is at the other end of the socket (`peer`).

    So there is no password to keep, and even someone who reached the socket would be turned away.
    """
    rules = [WRITTEN_BY_CDI, *(f"local all {name} peer map=cdi" for name in (superuser, role)), ""]
    names = [f'cdi "{user}" {name}' for user in sorted(set(system_users)) for name in (superuser, role)]
    return "\n".join(rules), "\n".join([*names, ""])


def memory_of_machine() -> int:
    """Bytes of memory that this process may count on: the machine's, or the container's if that is less."""
    memory = psutil.virtual_memory().total
    for path in CGROUP_LIMITS:
        try:
            memory = min(memory, int(path.read_text()))
        except (OSError, ValueError):
            continue  # no such limit, or "max"
    return memory


def shared_memory_of_machine() -> int:
    """Bytes of /dev/shm; 0 where there is none."""
    try:
        return shutil.disk_usage("/dev/shm").total  # noqa: S108 - measured, not written
    except OSError:
        return 0


def _megabytes(size: float, least: int, most: int) -> str:
    return f"{min(max(int(size / MEGABYTE), least), most)}MB"
