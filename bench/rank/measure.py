"""How long one ESM takes to score: esmhub against hfselect, on the same target and the same maps, one thread each, in turn.

    pip install hf-dataset-selector==0.2.1 numpy
    python bench/rank/measure.py [--dimension 384 768] [--rows 300 1000 10000] [--classes 2 4 20 150 0] [--rounds 5]
                                 [--only TEXT] [--data FOLDER] [--built FOLDER]

For each dimension D, number of rows N and number of classes K (0: regression), these score one ESM:

    hfselect          the loop of its `compute_scores`, given the base embeddings: the ESM transforms them in batches of 128,
                      then `LogME.fit`
    dense, double     `Target::score` of the same dense map (selection/examples/score_seconds.rs)
    dense, single     the same with the features reduced in f32
    rank 16, 32, 64   `Target::score` of a structured map; hfselect takes as long for any map as for a dense one

Reading files, and what is computed once per target, are not counted; the last column says how long that takes for us, up to
and with the first score. Everything has run once before a clock starts. Times are those in which the process had a processor,
as Linux counts them, so that others on the machine take less part in the figures; `wall` is the time that passed. In each round
all take their turns, and the ratios of a round (of processor times) are taken before their median.

`difference` is the largest one between hfselect's score and ours of the same map, by the formula `hfselect`, and by `exact`
too where there are more rows than dimensions and both are the same; hfselect maps in f32.

The embeddings are synthetic, with the uncentred spectrum that all-MiniLM-L6-v2 gives on real texts, and labels that depend on
them as well as on noise, so that alpha/beta, which is printed, ends about where it does for real targets of 1,000 rows. Dense
maps are half the identity, a change in falling directions, and noise, as those are that hfselect trains; structured ones are
without the noise. With `--data`, the real targets and dense ESMs of FOLDER (targets/*.npz, esms/*/model.safetensors) are
measured instead, each target with the first ESM of another task; the structured maps are those that ridge regression gives of
that task's pairs (pairs/*.npz).
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
import torch

# Mean squared coefficients of MiniLM's embeddings in their principal directions: (direction of 381, mean over five targets).
SPECTRUM = [
    (0, 3.58), (1, 1.01), (2, 0.694), (4, 0.528), (8, 0.380), (16, 0.266), (32, 0.176), (64, 0.103), (96, 0.0676),
    (128, 0.0462), (192, 0.0223), (256, 0.00987), (320, 0.00316), (360, 0.00137), (381, 0.0008),
]  # fmt: skip
RANKS = (16, 32, 64)
BATCH = 128
# Each turn takes about this long.
TURN = 0.4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimension", type=int, nargs="+", default=[384, 768])
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1000, 10000])
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 4, 20, 150, 0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="only our ways whose name contains this, such as `rank 32`")
    parser.add_argument("--data", help="a folder with real targets and ESMs, instead of synthetic ones")
    parser.add_argument("--built", help="a folder with examples/score_seconds, built already")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    built = Path(arguments.built).resolve() if arguments.built else build("--example", "score_seconds")
    program = built / "examples" / "score_seconds"
    data = arguments.data and Path(arguments.data).resolve()
    summary = []
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)  # hfselect writes a log wherever it is.
        for task in real(data, arguments.rows) if data else synthetic(arguments):
            summary.append(compare(program, Path(work), arguments, *task))
    print("\nprocessor milliseconds per ESM, and how many times faster than hfselect")
    names = [name for name in summary[0] if name != "task"]
    for cells in [dict.fromkeys(summary[0], "---"), *summary]:
        if cells["task"] == "---":
            print("| " + " | ".join(["task", *names]) + " |")
        print("| " + " | ".join([cells["task"], *(cells[name] for name in names)]) + " |")


def build(*targets):
    """Builds these, and gives back the folder of what is released."""
    root = Path(__file__).resolve().parents[2]
    packages = ["-p", "esmhub", "-p", "esmhub-selection"]
    subprocess.run(["cargo", "build", "--quiet", "--release", *packages, *targets], cwd=root, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    done = subprocess.run(metadata, cwd=root, check=True, capture_output=True)
    return Path(json.loads(done.stdout)["target_directory"]) / "release"


def synthetic(arguments):
    for dimension in arguments.dimension:
        for rows in arguments.rows:
            for classes in arguments.classes:
                random = np.random.default_rng(1)
                x = embeddings(rows, dimension, random)
                y = labels(x, classes, random)
                kind = f"K = {classes}" if classes else "regression"
                yield f"D = {dimension}, N = {rows}, {kind}", x, y, classes, *maps(dimension, random)


def embeddings(rows, dimension, random):
    at, squares = np.array(SPECTRUM).T
    falling = np.sqrt(np.exp(np.interp(np.arange(dimension) * at[-1] / dimension, at, np.log(squares))))
    x = random.normal(size=(rows, dimension)) * falling
    # Real embeddings lie around a mean that is most of their first direction.
    x[:, 0] = falling[0] * (1 + 0.2 * random.normal(size=rows))
    return (x @ rotation(dimension, random)).astype(np.float32)


def rotation(dimension, random):
    return np.linalg.qr(random.normal(size=(dimension, dimension)))[0]


def labels(x, classes, random):
    """Numbers, or the largest of `classes` linear functions with noise; every class has a row."""
    functions = (x - x.mean(axis=0)) @ random.normal(size=(x.shape[1], max(classes, 1)))
    y = functions / functions.std(axis=0) + random.normal(size=functions.shape)
    if classes == 0:
        return 0.5 + 0.2 * y[:, 0]
    y = y.argmax(axis=1)
    y[:classes] = np.arange(classes)
    return y


def maps(dimension, random):
    """A weight, a bias, and structured maps by rank: scale, columns of A, rows of B."""
    falling = 3 / (1 + np.arange(dimension // 4))
    left, right = rotation(dimension, random), rotation(dimension, random)
    change = (left[:, : len(falling)] * falling) @ right[: len(falling)]
    weight = 0.5 * np.eye(dimension) + change + 0.5 / np.sqrt(dimension) * random.normal(size=change.shape)
    bias = 0.1 * random.normal(size=dimension)
    factors = {rank: (0.5, left[:, :rank].T * falling[:rank, None], right[:rank]) for rank in RANKS}
    return weight, bias, factors


def real(data, rows):
    from safetensors.numpy import load_file

    for path in sorted(data.glob("targets/*.npz")):
        target = np.load(path)
        regression = target["y"].dtype.kind == "f"
        folder = next(folder for folder in sorted(data.glob("esms/*")) if folder.name != path.stem)
        esm = load_file(folder / "model.safetensors")
        weight, bias = (esm[f"model.{name}"].astype(np.float64) for name in ("weight", "bias"))
        factors = fitted(np.load(data / "pairs" / f"{folder.name}.npz"))
        for number in sorted({min(number, len(target["x"])) for number in rows}):
            x, y = target["x"][:number], target["y"][:number]
            classes = 0 if regression else int(y.max()) + 1
            kind = "regression" if regression else f"K = {classes}"
            name = f"{path.stem} with {folder.name}, N = {number}, {kind}"
            yield name, x, y.astype(np.float64) if regression else y, classes, weight, bias, factors


def fitted(pairs):
    """Ridge regression of y - x on x, cut to ranks in the norm that the embeddings give: scale, columns of A, rows of B."""
    x, y = (pairs[name].astype(np.float64) for name in "xy")
    gram, change = np.cov(x.T, bias=True), (y - x - (y - x).mean(axis=0)).T @ (x - x.mean(axis=0)) / len(x)
    penalty = 0.1 * np.trace(gram) / len(gram)
    slope = np.linalg.solve(gram + penalty * np.eye(len(gram)), change.T).T
    root = np.linalg.cholesky(gram + penalty * np.eye(len(gram)))
    u, _, _ = np.linalg.svd(slope @ root)
    return {rank: (1.0, u[:, :rank].T, u[:, :rank].T @ slope) for rank in RANKS}


class Esmhub:
    """A way of ours: a process that scores whenever it is asked to."""

    def __init__(self, program, work, shape, precision, map_values, name):
        np.concatenate(map_values, axis=None).astype("<f4").tofile(work / name)
        dimension, classes = shape
        command = [program, str(dimension), str(classes), precision, work / "x", work / "y", work / name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.preparation, *self.scores, self.plain = map(float, self.answer().split())
        self.repeat = 1
        self.repeat = max(1, math.ceil(TURN / self.turn()[1]))

    def answer(self):
        return self.process.stdout.readline() or sys.exit("score_seconds failed")

    def turn(self):
        """Seconds per score: of the processor, and of the clock on the wall."""
        processor = ~self.process.pid << 3 | 2  # CPUCLOCK_SCHED of the process
        start = time.clock_gettime(processor)
        print(self.repeat, file=self.process.stdin, flush=True)
        wall = float(self.answer())
        return (time.clock_gettime(processor) - start) / self.repeat, wall


class Hfselect:
    """The peer, in this process."""

    def __init__(self, x, y, classes):
        self.x = torch.tensor(x)
        self.y = y
        self.regression = classes == 0

    def load(self, weight, bias):
        from hfselect import ESM

        self.esm = ESM("linear", self.x.shape[1])
        values = {"model.weight": torch.tensor(weight, dtype=torch.float32), "model.bias": torch.tensor(bias)}
        self.esm.load_state_dict(values)
        return self

    def score(self):
        from hfselect.logme import LogME

        with torch.no_grad():
            features = [self.esm(batch).cpu().numpy() for batch in self.x.split(BATCH)]
        self.logme = LogME(regression=self.regression)
        return self.logme.fit(np.vstack(features), self.y, add_intercept=False)

    def turn(self):
        # A first score, uncounted, brings the caches back that the others used.
        self.score()
        start = time.process_time(), time.perf_counter()
        repeat = 0
        while repeat == 0 or time.perf_counter() - start[1] < TURN:
            self.score()
            repeat += 1
        return (time.process_time() - start[0]) / repeat, (time.perf_counter() - start[1]) / repeat


def compare(program, work, arguments, name, x, y, classes, weight, bias, factors):
    (rows, dimension), shape = x.shape, (x.shape[1], classes)
    x.astype("<f4").tofile(work / "x")
    y.astype("<f8").tofile(work / "y")
    peer = Hfselect(x, y, classes)
    ways = {f"dense, {precision}": (precision, (bias, weight)) for precision in ("double", "single")}
    for rank, (scale, a, b) in factors.items():
        ways[f"rank {rank}"] = ("double", (scale, bias, a, b))
    ways = {way: arguments_of for way, arguments_of in ways.items() if arguments.only in way}
    ours, differences = {}, {}
    for way, (precision, values) in ways.items():
        ours[way] = Esmhub(program, work, shape, precision, values, way)
        scale, a, b = factors[int(way.split()[1])] if way.startswith("rank") else (0, bias[:0], bias[:0])
        same = weight if len(values) == 2 else scale * np.eye(dimension) + a.T @ b
        theirs = peer.load(same, bias).score()
        exact, hfselect = ours[way].scores
        differences[way] = max(abs(score - theirs) for score in ([hfselect, exact] if rows > dimension else [hfselect]))
    peer.load(weight, bias).score()
    ends = np.array(peer.logme.alphas) / np.array(peer.logme.betas)
    rounds = []
    for _ in range(arguments.rounds):
        rounds.append({"hfselect": peer.turn(), **{way: process.turn() for way, process in ours.items()}})
    print(f"{name}; alpha/beta {ends.min():.3g} to {ends.max():.3g}")
    print(f"  {'':14} {'processor':>10} {'wall':>10} {'ratio':>7} {'of the rounds':>15} {'difference':>11} {'prepared':>9}")
    cells = {"task": name}
    for way in rounds[0]:
        processor, wall = (1e3 * statistics.median(turns[way][kind] for turns in rounds) for kind in (0, 1))
        line = f"  {way:14} {processor:7.2f} ms {wall:7.2f} ms"
        cells[way] = f"{processor:.1f}"
        if way in ours:
            ratios = sorted(turns["hfselect"][0] / turns[way][0] for turns in rounds)
            ratio = statistics.median(ratios)
            line += f" {ratio:7.1f} {ratios[0]:6.1f} to {ratios[-1]:5.1f} {differences[way]:11.1e}"
            line += f" {ours[way].preparation:7.2f} s"
            line += f"  ({ours[way].plain:.0f} of 2 scores computed the plain way)" if ours[way].plain else ""
            cells[way] += f" ({ratio:.1f})" if ratio < 10 else f" ({ratio:.0f})"
        print(line, flush=True)
    for process in ours.values():
        process.process.communicate()
    return cells


if __name__ == "__main__":
    main()
