"""`make chaos`: every scenario in turn, and the table at the end. The exit code is 1 if an invariant was broken.

python -m tests.chaos [--seed SEED] [--effort 0.2] [--only PART_OF_A_NAME]
"""

import argparse
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.lab import Lab
from tests.chaos.scenarios import ALL, WITH_RABBITMQ, Scenario
from tests.chaos.servers import RabbitMQ
from tests.chaos.table import print_table
from tests.chaos.verdict import Verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", default=str(random.randrange(10_000)), help="of an earlier run")
    parser.add_argument("--effort", type=float, default=1.0, help="share of the kills and orders of the long run")
    parser.add_argument("--only", default="", help="scenarios whose function's name contains this")
    told = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on the way out
    scenarios = [scenario for scenario in _scenarios() if told.only in scenario.__name__]
    print(f"seed {told.seed}", flush=True)
    verdicts = _run(scenarios, told.seed, told.effort)
    print_table(verdicts)
    return int(any(verdict.faults for verdict in verdicts))


def _scenarios() -> Sequence[Scenario]:
    if RabbitMQ.is_installed():
        return (*ALL, *WITH_RABBITMQ)
    print("RabbitMQ is not installed (apt-get install rabbitmq-server): its scenarios are left out")
    return ALL


def _run(scenarios: Sequence[Scenario], seed: str, effort: float) -> list[Verdict]:
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="aftercart-chaos-") as folder, Lab(Path(folder), seed, effort) as lab:
        for scenario in scenarios:
            verdicts.append(verdict := scenario(lab))
            wrong = f"  {len(verdict.faults)} faults" if verdict.faults else ""
            print(f"{verdict.scenario}: {verdict.seconds:.0f} s{wrong}", flush=True)
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
