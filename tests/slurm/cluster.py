"""A throw-away Slurm on loopback: one controller and virtual nodes that all live on this machine.

Everything lies in one folder, nothing listens but on 127.0.0.1, and no file of the system is
touched. Partitions: ``main``; ``low``, whose jobs are requeued when ``high`` wants their nodes.
By hand::

    eval "$(python tests/slurm/cluster.py start)"    # sinfo, sbatch, ... now talk to it
    python tests/slurm/cluster.py stop
"""

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
NODES, CPUS = 4, 2
SECONDS_TO_START, SECONDS_TO_STOP = 60.0, 10.0

CONFIG = """\
ClusterName=tsconv
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=3,bf_interval=3
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
MaxArraySize={max_array_size}
KillWait=5
ReturnToService=1
MinJobAge=60
"""
"""A requeued job may start again once its credential has expired: 5 s here, 120 elsewhere."""

PARTITIONS = """\
PartitionName=main Nodes=n[1-{n}] Default=YES PriorityTier=5 PreemptMode=OFF MaxTime=60 State=UP
PartitionName=low Nodes=n[1-{n}] PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 State=UP
PartitionName=high Nodes=n[1-{n}] PriorityTier=9 PreemptMode=OFF State=UP
"""


def missing_programs() -> list[str]:
    """What must be installed first: ``apt-get install slurm-wlm munge`` on Debian."""
    return [name for name in PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]


@dataclass(frozen=True)
class Cluster:
    """The daemons that live in one folder.

    Attributes:
        folder: with a short path, since a socket in it is named by at most 107 bytes.
        nodes: virtual, n1, n2 ...; each claims two processors, whatever the machine has.
        max_array_size: the site's limit of a job array's indices.
    """

    folder: Path
    nodes: int = NODES
    max_array_size: int = 1001

    @property
    def environment(self) -> dict[str, str]:
        """What a client of this cluster, and of no other, needs."""
        mine = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
        return {**mine, "PATH": SYSTEM_PATH, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Start the daemons, and wait until all nodes take work."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # munged refuses a socket that not everybody can reach
        self._configure()
        munge = {
            "socket": "munge.socket",
            "key-file": "munge.key",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munge.seed",
        }
        places = [f"--{option}={self.folder / name}" for option, name in munge.items()]
        self._launch("mungekey", "--create", places[1].replace("--key-file", "--keyfile"))
        self._launch("munged", "--force", *places)
        self._launch("slurmctld")
        for node in self._names():
            self._launch("slurmd", "-N", node)
        deadline = time.monotonic() + SECONDS_TO_START
        while self.states() != dict.fromkeys(self._names(), "idle"):
            if time.monotonic() > deadline:
                logs = [path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log"))]
                raise RuntimeError("\n".join(["the nodes do not come up", *logs]))
            time.sleep(0.1)

    def stop(self) -> None:
        """Cancel what runs, end the daemons and remove the folder."""
        with suppress(subprocess.SubprocessError, TimeoutError):
            self.run("scancel", "--me")
            self.wait_until_empty(SECONDS_TO_STOP)
        pids = [path for path in self.folder.glob("*.pid") if path.stem != "munged"]
        for path in [*pids, self.folder / "munged.pid"]:
            with suppress(OSError, ValueError):
                _end(int(path.read_text()))
        for pid in self._processes_of_jobs():
            _end(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command: str, timeout: float = 30) -> str:
        """What a client says; what its jobs say stays in the cluster's folder."""
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if done.returncode:
            raise subprocess.SubprocessError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def states(self) -> dict[str, str]:
        """Of each node: idle, mixed, allocated, down ..."""
        try:
            lines = self.run("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T").splitlines()
        except subprocess.SubprocessError:
            return {}
        return dict(line.split() for line in lines)

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Of each job or array task that has not ended: its state and node."""
        words = "%i|%T|%N"
        lines = self.run("squeue", "-h", "--array", "-o", words).splitlines()
        return {job: (state, node) for job, state, node in (line.split("|") for line in lines)}

    def wait_until_empty(self, seconds: float) -> None:
        """Wait for the last job to end.

        Raises:
            TimeoutError: jobs are left after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while jobs := self.jobs():
            if time.monotonic() > deadline:
                raise TimeoutError(f"jobs are left: {jobs}")
            time.sleep(0.2)

    def _names(self) -> list[str]:
        return [f"n{k}" for k in range(1, self.nodes + 1)]

    def _processes_of_jobs(self) -> list[int]:
        """What jobs have left running, and the slurmstepd of each, which hides its environment."""
        mine, found = f"SLURM_CONF={self.folder / 'slurm.conf'}".encode(), []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                entries = (path / "environ").read_bytes().split(b"\0")
                in_job = mine in entries and any(e.startswith(b"SLURM_JOB_ID=") for e in entries)
                keeper = "slurmstepd" in os.readlink(path / "exe")
                if in_job or (keeper and os.readlink(path / "cwd").startswith(str(self.folder))):
                    found.append(int(path.name))
        return found

    def _configure(self) -> None:
        host, port = socket.gethostname().split(".")[0], _free_ports(self.nodes + 1)
        for name in ("state", *(f"spool-{node}" for node in self._names())):
            (self.folder / name).mkdir(exist_ok=True)
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port + k} CPUs={CPUS}"
            for k, node in enumerate(self._names(), start=1)
        ]
        config = CONFIG.format(
            host=host,
            port=port,
            folder=self.folder,
            user=pwd.getpwuid(os.getuid()).pw_name,
            max_array_size=self.max_array_size,
        )
        lines = [config + "\n".join(nodes), PARTITIONS.format(n=self.nodes)]
        (self.folder / "slurm.conf").write_text("\n".join(lines))

    def _launch(self, program: str, *arguments: str) -> None:
        """Start a daemon, which leaves for the background by itself."""
        with (self.folder / "daemons.log").open("a") as log:
            subprocess.run(
                [program, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                timeout=SECONDS_TO_START,
            )


@contextmanager
def running_cluster(**settings: int) -> Iterator[Cluster]:
    """A cluster in a folder of its own, gone at the end."""
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="slurm-")), **settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _free_ports(n: int) -> int:
    """The first of ``n`` ports in a row that nobody listens on."""
    for first in range(21000 + os.getpid() % 8000, 32000, n):
        with suppress(OSError):
            for port in range(first, first + n):
                with socket.socket() as each:
                    each.bind(("127.0.0.1", port))
            return first
    raise RuntimeError(f"no {n} free ports in a row")


def _end(pid: int) -> None:
    """End a process, by force if it takes too long."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS_TO_STOP
        while _alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.05)


def _alive(pid: int) -> bool:
    """Whether it is there, and no zombie that nobody has asked after yet."""
    try:
        os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return False
    return True


def main() -> None:
    """Start or stop a cluster that outlives this program."""
    parser = argparse.ArgumentParser(description="A throw-away Slurm on loopback.")
    parser.add_argument("do", choices=("start", "stop"))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "slurm-tsconv")
    parser.add_argument("--nodes", type=int, default=NODES)
    options = parser.parse_args()
    cluster = Cluster(options.folder.absolute(), nodes=options.nodes)
    if options.do == "stop":
        cluster.stop()
    elif missing := missing_programs():
        sys.exit(f"not installed: {', '.join(missing)}; apt-get install slurm-wlm munge")
    else:
        cluster.start()
        print(f"export SLURM_CONF={cluster.folder / 'slurm.conf'}")


if __name__ == "__main__":
    main()
