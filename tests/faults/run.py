"""`make faults`: seeds of everything going wrong, then five records compared. `--help` says how; exit code 0 only when all is right.

Odd seeds run on Apache Kafka where Java and `make kafka` are there, even ones on the embedded broker.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

import orjson
from rich.console import Console

from deploy.local import kafka
from deploy.local.home import PROJECT
from deploy.local.trouble import Trouble
from tests.faults.round import Plan, Result, run_round
from tests.faults.schedule import SCENARIOS

REPORT = PROJECT / "var" / "faults" / "report.json"
SHORT = 20.0


def main() -> int:
    """Run the seeds; the exit code."""
    asked = _asked()
    console = Console(stderr=True, highlight=False)
    seeds = range(asked.first, asked.first + (2 if asked.short else asked.seeds))
    why_not = _why_no_kafka()
    if why_not:
        console.print(f"Odd seeds run on the embedded broker too: {why_not}")
    results: list[Result] = []
    for seed in seeds:
        results.append(_one(seed, asked, bool(seed % 2) and not why_not, console))
        _report(results, asked)
    failed = sum(not result.passed for result in results)
    console.print(f"The report is {REPORT.relative_to(PROJECT)}.")
    sys.stdout.write(f"{len(results) - failed} passed, {failed} failed\n")
    return 1 if failed else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description="The fault harness.")
    parser.add_argument("--seeds", type=int, default=2, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first one; odd ones on Apache Kafka")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each is under fire")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="only these faults")
    parser.add_argument("--short", action="store_true", help=f"one seed of each broker, {SHORT:.0f} s of faults")
    asked = parser.parse_args()
    if asked.short:
        asked.seconds = SHORT
    return asked


def _why_no_kafka() -> str:
    try:
        kafka.require()
    except Trouble as trouble:
        return str(trouble)
    return ""


def _one(seed: int, asked: argparse.Namespace, on_kafka: bool, console: Console) -> Result:
    begun = time.monotonic()
    broker = "Apache Kafka" if on_kafka else "the embedded broker"
    with console.status(f"seed {seed} on {broker}") as status:

        def say(words: str) -> None:
            line = f"seed {seed} on {broker}, {time.monotonic() - begun:3.0f} s: {words}"
            status.update(line)
            if not console.is_terminal:
                console.print(line[:200], soft_wrap=True)

        home = Path(tempfile.mkdtemp(prefix=f"hamkke-faults-{seed}-"))
        plan = Plan(seed, asked.seconds, on_kafka, home, asked.scenario)
        result = asyncio.run(run_round(plan, say))
    _tell(result, plan, console, time.monotonic() - begun)
    return result


def _tell(result: Result, plan: Plan, console: Console, seconds: float) -> None:
    numbers = result.numbers
    console.print(
        f"seed {result.seed}, {result.broker}: {'passed' if result.passed else 'FAILED'} in {seconds:.0f} s; "
        f"{len(result.schedule)} faults, "
        + ", ".join(f"{numbers[name]} {name}" for name in numbers if isinstance(numbers[name], int))
        + f"; settled after {numbers.get('settled_s')} s",
        soft_wrap=True,
    )
    for finding in result.findings[:12]:
        console.print(f"  {str(finding)[:300]}", soft_wrap=True)
    if result.findings:
        console.print(f"  logs and data are kept in {plan.home}; again: {_again(plan)}", soft_wrap=True)
    else:
        shutil.rmtree(plan.home, ignore_errors=True)


def _again(plan: Plan) -> str:
    """The words that make the same schedule once more."""
    scenario = f" --scenario {plan.scenario}" if plan.scenario else ""
    return f"python -m tests.faults.run --seeds 1 --first {plan.seed} --seconds {plan.seconds:g}{scenario}"


def _report(results: list[Result], asked: argparse.Namespace) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "seconds": asked.seconds,
        "scenario": asked.scenario,
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "seeds": [result.as_json() for result in results],
    }
    REPORT.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
