"""A Postfix of our own, beside whatever runs on this machine: a relay (its master needs root), or its test server."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pytest

from tests.ports import free_port

PROGRAM = Path("/usr/sbin/postfix")
MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example.net
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{onward}
transport_maps = inline:{{ {{ bounces.example.com = {by}:[127.0.0.1]:{back} }} }}
smtputf8_enable = no
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """Takes mail on `port`."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else "(nothing logged)"


@contextmanager
def postfix(*, onward: int, back: int, by: str = "smtp") -> Iterator[Postfix]:
    """A relay that hands everything on to one port of this machine, and mail to bounces.example.com to another, `by`
    smtp or lmtp:inet.
    """
    if not PROGRAM.exists() or os.geteuid() != 0:
        pytest.fail("needs Postfix (apt-get install postfix) and root, which its master insists on")
    port = free_port()
    # Not below pytest's own folder: Postfix runs as another user, and the next pytest that starts on this machine
    # closes that folder to all others.
    with TemporaryDirectory(prefix="aftercart-postfix-") as made:
        folder = Path(made)
        _write(folder, onward=onward, back=back, by=by, port=port)
        _control(folder, "start")
        try:
            _wait_for(port)
            yield Postfix(port, folder)
        finally:
            _control(folder, "abort")


def _write(folder: Path, **values: int | str) -> None:
    config = folder / "etc"
    config.mkdir()
    (config / "main.cf").write_text(MAIN.format(folder=folder, **values))
    (config / "master.cf").write_text(MASTER.format(**values))
    for name in ("dynamicmaps.cf", "postfix-files"):
        if (found := Path("/etc/postfix") / name).exists():
            shutil.copy(found, config)
    (folder / "spool").mkdir()
    (folder / "data").mkdir()
    os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
    folder.chmod(0o711)


def _control(folder: Path, what: str) -> None:
    done = subprocess.run(
        [PROGRAM, "-c", str(folder / "etc"), what], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def _wait_for(port: int) -> None:
    deadline = monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert monotonic() < deadline, "it does not listen"
            sleep(0.05)
        else:
            return


@contextmanager
def smtp_sink(folder: Path) -> Iterator[str]:
    """The URL of Postfix's `smtp-sink`, which writes what it takes into the folder."""
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    if not Path(program).exists():
        pytest.fail("Postfix is not installed: apt-get install postfix")
    port = free_port()
    command = [program, "-c", "-u", "nobody", "-d", "mail-%M.", f"127.0.0.1:{port}", "100"]
    folder.chmod(0o777)
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _wait_for(port)
        yield f"smtp://127.0.0.1:{port}"
        process.terminate()
