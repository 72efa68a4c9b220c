"""How long a batch of ESMs takes to be published and to last, beside `cp` of the same files followed by `sync`.

    python bench/bulk/measure.py [--count 1500] [--dimension 768] [--rank 32] [--rounds 5] [--work FOLDER] [--built FOLDER]

A bundle of random ESMs is made (selection/examples/pool_bundle.rs): of a rank in int4, as fitted ones are, or dense in int8 with
`--rank 0`. Then, in turn: `esmhub publish BUNDLE` into an empty registry, start of the command, verification of the bundle, and log
entry included; `cp -r` of the objects' folder and `sync`; and `cp` of all objects into one flat folder and `sync`. Everything lies in
FOLDER, which must be on the disk that is to be measured: a disk in memory syncs nothing. Nothing is deleted before the end,
because file systems avoid what was deleted a moment ago. `sync` waits for what others wrote, too, so that nobody else should.

At last the publish runs once more under `strace -f -c`, where that exists, which counts the syncs; with `--slow MILLISECONDS` also
under a strace that makes each of them last so much longer, as on a slow disk.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1500, help="how many ESMs")
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--rank", type=int, default=32, help="0: dense")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", type=float, default=0, help="milliseconds that every sync lasts longer, in a last run")
    parser.add_argument("--work", help="a folder on the disk to measure [default: a temporary one beside this file]")
    parser.add_argument("--built", help="a folder with esmhub and examples/pool_bundle, built already")
    arguments = parser.parse_args()
    built = Path(arguments.built).resolve() if arguments.built else build()
    # Not where temporary files usually lie: that may be in memory.
    parent = Path(arguments.work) if arguments.work else Path(__file__).resolve().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as work:
        measure(built / "esmhub", built / "examples" / "pool_bundle", Path(work).resolve(), arguments)


def build():
    root = Path(__file__).resolve().parents[2]
    targets = ["-p", "esmhub", "-p", "esmhub-selection", "--bin", "esmhub", "--example", "pool_bundle"]
    subprocess.run(["cargo", "build", "--quiet", "--release", *targets], cwd=root, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    done = subprocess.run(metadata, cwd=root, check=True, capture_output=True)
    return Path(json.loads(done.stdout)["target_directory"]) / "release"


def measure(program, example, work, arguments):
    bundle = work / "bundle.esm"
    numbers = [str(number) for number in (arguments.dimension, arguments.rank, 0, arguments.count)]
    subprocess.run([example, *numbers, bundle], check=True)
    rounds = []
    for number in range(arguments.rounds):
        pool = registry(program, work / f"{number}")
        objects = pool / "objects"
        tree, flat = work / f"{number}-tree", work / f"{number}-flat"
        flat.mkdir()
        rounds.append(
            (
                timed(publish(program, pool, bundle)),
                timed(["cp", "-r", objects, tree], ["sync"]),
                # The names come through xargs: a command line has an end.
                timed(["sh", "-c", 'find "$1" -type f -print0 | xargs -0 cp -t "$2"', "sh", objects, flat], ["sync"]),
            )
        )
        files = sorted(file for file in objects.rglob("*") if file.is_file())
        if len(files) != arguments.count:
            raise SystemExit(f"{len(files)} objects, expected {arguments.count}")
        if [file.read_bytes() for file in files] != [(tree / file.relative_to(objects)).read_bytes() for file in files]:
            raise SystemExit("cp copied something else")
    size = sum(file.stat().st_size for file in files)
    kind = f"rank {arguments.rank}, int4" if arguments.rank else "dense, int8"
    print(f"{arguments.count} ESMs, D = {arguments.dimension}, {kind}, {size / 1e6:.0f} MB; medians of {arguments.rounds}")
    columns = list(zip(*rounds))
    names = ["esmhub publish BUNDLE", "cp -r and sync", "cp into one folder and sync"]
    for name, column in zip(names, columns):
        ratio = statistics.median(mine / theirs for mine, theirs in zip(columns[0], column))
        print(f"  {name:28} {statistics.median(column):6.2f} s   publish takes {ratio:4.2f} times as long")
    count_syncs(program, bundle, work, arguments)


def count_syncs(program, bundle, work, arguments):
    if shutil.which("strace") is None:
        return print("  no strace here: syncs are not counted")
    table = work / "calls"
    counting = ["strace", "-f", "-c", "-o", table, "-e", "trace=fsync,fdatasync,syncfs,sync"]
    subprocess.run([*counting, *publish(program, registry(program, work / "counted"), bundle)], check=True, capture_output=True)
    calls = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", table.read_text(), re.MULTILINE)
    syncs = [f"{count} {name}" for count, name in calls if name != "total"]
    folders = sum(1 for _ in (work / "counted" / "objects").iterdir())
    print(f"  syncs of the publish: {', '.join(syncs)}; {arguments.count} objects in {folders} folders")
    if arguments.slow > 0:
        delay = f"inject=fsync:delay_exit={round(1000 * arguments.slow)}"
        slowing = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", delay]
        pool = registry(program, work / "slow")
        print(f"  publish, {arguments.slow} ms more for each: {timed([*slowing, *publish(program, pool, bundle)]):.2f} s")


def registry(program, pool):
    subprocess.run([program, "--registry", pool, "init"], check=True, capture_output=True)
    return pool


def publish(program, pool, bundle):
    return [program, "--json", "--registry", pool, "--cache-dir", f"{pool}-cache", "publish", bundle]


def timed(*commands):
    """Seconds on the wall, when nothing that was written before is left to be synced."""
    subprocess.run(["sync"], check=True)
    start = time.perf_counter()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
