"""The private server's settings follow the machine's memory."""

import re

import pytest

from cdi.store.tuning import authentication, memory_of_machine, server_configuration

GIGABYTE = 1024**3


def setting(configuration: str, name: str) -> str:
    (value,) = re.findall(rf"^{name} = '(.*)'$", configuration, re.MULTILINE)
    return value


@pytest.mark.parametrize(
    ("memory", "buffers", "work"),
    [(1, "128MB", "8MB"), (4, "341MB", "16MB"), (16, "1365MB", "64MB"), (512, "2048MB", "64MB")],
)
def test_memory_grows_with_the_machine_within_limits(memory: int, buffers: str, work: str) -> None:
    configuration = server_configuration(5432, memory * GIGABYTE, GIGABYTE, custom=False)
    assert (setting(configuration, "shared_buffers"), setting(configuration, "work_mem")) == (buffers, work)


def test_where_containers_keep_shared_memory_small_another_kind_is_used() -> None:
    assert setting(server_configuration(5432, GIGABYTE, 64 * 1024**2, False), "dynamic_shared_memory_type") == "sysv"


def test_durability_is_not_touched() -> None:
    configuration = server_configuration(5432, GIGABYTE, GIGABYTE, custom=False)
    assert not re.search("^(fsync|synchronous_commit|full_page_writes)", configuration, re.MULTILINE)


def test_this_machines_memory_is_found() -> None:
    assert memory_of_machine() > 100 * 1024**2


def test_only_named_users_of_the_system_may_be_a_role() -> None:
    rules, names = authentication("postgres", "cdi", ["anna", "root"])
    assert "trust" not in rules
    assert [line for line in names.splitlines() if "anna" in line] == ['cdi "anna" postgres', 'cdi "anna" cdi']
