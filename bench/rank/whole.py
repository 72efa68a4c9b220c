"""How long `esmhub rank` takes for a whole pool, from registry to document, and how much memory; beside hfselect.

    pip install hf-dataset-selector==0.2.1 numpy
    python bench/rank/whole.py [--dense 1500] [--structured 20000] [--dimension 768] [--rows 1000] [--classes 4]
                               [--threads 1 2] [--rounds 1] [--peer 20] [--work FOLDER] [--built FOLDER]

Two pools are made of random ESMs (selection/examples/pool_bundle.rs) and published: dense ones in int8, the default for
ESMs made elsewhere, and structured ones of rank 32 in int4, as fitted ones are. Then `esmhub rank target.npz --json` runs
without the cache, on each number of threads, in double and, for the dense pool, in single precision; and as it is run every
day: with a cache that is empty, on all cores, and once more, when every score is remembered. The target is a file of
embeddings, so no base model is loaded. What a command takes includes its start, reading and checking every object, ten ESMs'
intervals, and the document. Memory is the largest resident set (VmHWM). With `--work`, pools and cache are kept in FOLDER, and
pools that are there already are not made again.

hfselect has no such command. Its `compute_scores` is run on `--peer` dense ESMs, on one thread, given the base embeddings where
it would ask the base model for them; its time and memory per ESM, times the size of the pools, are the extrapolation that is
printed. It holds the transformed rows of all ESMs at once. Reading ESMs is not counted for it.
"""

import argparse
import json
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import build, embeddings, labels

import numpy as np

# ESMs per bundle: one is in memory whole when it is published.
BUNDLE = {"dense": 250, "structured": 5000}
RANK = {"dense": 0, "structured": 32}

PEER = """
import sys, time
import numpy as np
import torch
import hfselect
from hfselect import ESM, esm_logme
torch.set_num_threads(1)
arrays, count = np.load(sys.argv[1]), int(sys.argv[2])
x, y = torch.tensor(arrays["x"]), torch.tensor(arrays["y"])
class Rows(torch.utils.data.Dataset):
    is_regression = False
    def __len__(self): return len(x)
    def __getitem__(self, row): return row
    def collate_fn(self, rows, tokenizer): return torch.tensor(rows), torch.tensor(rows), y[rows]
esm_logme.get_pooled_output = lambda model, rows, mask: x[rows]
esms = [ESM("linear", x.shape[1]) for _ in range(count)]
esm_logme.compute_scores(Rows(), torch.nn.Identity(), esms[:1], None)
start = time.process_time(), time.perf_counter()
esm_logme.compute_scores(Rows(), torch.nn.Identity(), esms, None)
print(time.process_time() - start[0], time.perf_counter() - start[1])
print(open("/proc/self/status").read())
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dense", type=int, default=1500, help="how many dense ESMs; 0: leave them out")
    parser.add_argument("--structured", type=int, default=20000, help="how many structured ESMs; 0: leave them out")
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--classes", type=int, default=4)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer", type=int, default=20, help="how many ESMs hfselect scores; 0: leave it out")
    parser.add_argument("--work", help="a folder for the pools, which are kept there and found again [default: a temporary one]")
    parser.add_argument("--built", help="a folder with esmhub and examples/pool_bundle, built already")
    arguments = parser.parse_args()
    built = Path(arguments.built).resolve() if arguments.built else build("--example", "pool_bundle", "--bin", "esmhub")
    program, examples = built / "esmhub", built / "examples" / "pool_bundle"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(arguments.work or temporary).resolve()
        work.mkdir(exist_ok=True)
        random = np.random.default_rng(1)
        x = embeddings(arguments.rows, arguments.dimension, random)
        np.savez(work / "target.npz", x=x, y=labels(x, arguments.classes, random))
        for kind, count in [("dense", arguments.dense), ("structured", arguments.structured)]:
            if count > 0:
                measure(kind, count, program, examples, work, arguments)
        if arguments.peer > 0:
            extrapolate(work, arguments)


def measure(kind, count, program, examples, work, arguments):
    pool = work / f"{kind}-{count}-{arguments.dimension}"
    esmhub = [program, "--json", "--registry", pool, "--cache-dir", work / "cache"]
    if not pool.exists():
        publish(kind, count, esmhub, examples, work, arguments.dimension)
    size = sum(file.stat().st_size for file in pool.rglob("*") if file.is_file())
    print(f"{count} {kind} ESMs, D = {arguments.dimension}, N = {arguments.rows}, {size / 1e6:.0f} MB")
    rank = [*esmhub, "rank", work / "target.npz"]
    settings = [(threads, precision) for threads in arguments.threads for precision in ("double", "single")]
    for threads, precision in settings:
        if kind == "structured" and precision == "single":
            continue
        options = ["--threads", str(threads), "--precision", precision]
        show(f"{threads} thread(s), {precision}", [*rank, "--no-cache", *options], count, arguments.rounds)
    shutil.rmtree(work / "cache", ignore_errors=True)
    show("with the cache, empty", rank, count, 1)
    show("again, all remembered", rank, count, arguments.rounds)


def publish(kind, count, esmhub, examples, work, dimension):
    subprocess.run([*esmhub, "init"], check=True, capture_output=True)
    bundle = work / "bundle.esm"
    for first in range(0, count, BUNDLE[kind]):
        number = min(BUNDLE[kind], count - first)
        subprocess.run([examples, str(dimension), str(RANK[kind]), str(first), str(number), bundle], check=True)
        subprocess.run([*esmhub, "publish", bundle], check=True, capture_output=True)
        bundle.unlink()


def show(name, command, count, rounds):
    done = [timed(command) for _ in range(rounds)]
    wall, processor, memory = (statistics.median(column) for column in zip(*done))
    scored = f"{1e3 * processor / count:.2f} ms per ESM"
    print(f"  {name:24} {wall:8.2f} s, processor {processor:8.2f} s ({scored}), {memory:6.0f} MB", flush=True)


def timed(command):
    """Seconds on the wall, of the processor, and MB of memory."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    status = Path(f"/proc/{process.pid}/status")
    memory = 0
    # Not `ru_maxrss`: it begins with the memory of whoever started the process. And this mark is gone when the process is.
    while not select.select([process.stdout], [], [], 0.005)[0]:
        memory = max(memory, peak(status.read_text()))
    output = process.stdout.read()
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}")
    if json.loads(output)["skipped"]:
        raise SystemExit(f"{command} skipped ESMs")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, memory


def peak(status):
    """VmHWM, the largest resident set that a process has had, in MB."""
    return next((int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def extrapolate(work, arguments):
    def run(count):
        command = [sys.executable, "-c", PEER, work / "target.npz", str(count)]
        environment = {**os.environ, "TQDM_DISABLE": "1"}
        done = subprocess.run(command, cwd=work, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        processor, wall, status = done.stdout.split(maxsplit=2)
        return float(processor), float(wall), peak(status)

    runs = [run(arguments.peer) for _ in range(arguments.rounds)]
    processor, wall, memory = (statistics.median(column) for column in zip(*runs))
    few = max(1, arguments.peer // 4)
    growth = (memory - run(few)[2]) / (arguments.peer - few)
    processor, wall = processor / arguments.peer, wall / arguments.peer
    print(
        f"hfselect on {arguments.peer} dense ESMs: {1e3 * wall:.0f} ms, processor {1e3 * processor:.0f} ms,"
        f" and {growth:.1f} MB for each"
    )
    for count in (arguments.dense, arguments.structured):
        print(f"  extrapolated to {count}: processor {processor * count:.0f} s, {growth * count / 1e3:.1f} GB")


if __name__ == "__main__":
    main()
