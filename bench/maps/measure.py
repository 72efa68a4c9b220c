"""Which maps choose best, and how small they can be: every kind, rank and codec against the truth on real tasks.

    pip install numpy matplotlib
    python bench/maps/measure.py --data FOLDER [--figure docs/maps.svg] [--only TEXT] [--jobs 2]

`--data` holds 20 source tasks and 5 target tasks as the project's tests know them: `pairs/`, `anchors/`, `targets/`,
`esms/`, `full_logme_600.json`, `transfer_accuracy.json`. Everything is done by the `esmhub` command, built in release mode.

One target is left out at a time: the maps are fitted on a task's own pairs and on the other four targets' texts as anchors,
and tested on the left-out target's first 600 rows. The truth is LogME on what the really fine-tuned models make of these
rows. Figures are means over the five targets:

    bits      stored bytes of the weights' object (as on disk) x 8 / D^2: a dense f32 map has 32
    tau       Kendall's tau between the ranking and the truth
    top 5     share of the truth's first five that the ranking has among its own
    @1 @3 @5  regret: how far the best of the first k stays behind the best of all, in units of the truth's spread
    R2        of the mapped against the really tuned embeddings of the left-out target

And for real transfer (accuracy after fine-tuning each source's model on 250 rows of the target; three targets, one seed:
noisy), from a ranking of the first 250 rows: regret in % of the best, and the mean gain of the first five over no transfer,
in points.
"""

import argparse
import json
import shutil
import struct
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

BASE = "sentence-transformers/all-MiniLM-L6-v2"
ROWS = 600
FIT = "fit"
IMPORT = "import"

# name, kind, arguments of `publish`, whether anchors are used
MAPS = [
    ("hfselect's training, dense", IMPORT, ["--codec", "f32"], False),
    ("  the same, hfselect's score", IMPORT, ["--codec", "f32"], False),
    ("  the same, int8", IMPORT, ["--codec", "int8"], False),
    ("  the same, int4", IMPORT, ["--codec", "int4"], False),
    ("  distilled, default", IMPORT, ["--distill"], False),
    ("  distilled, rank 64", IMPORT, ["--distill", "--rank", "64"], False),
    ("  distilled, rank 32", IMPORT, ["--distill", "--rank", "32"], False),
    ("  distilled, rank 8", IMPORT, ["--distill", "--rank", "8"], False),
    ("ridge, own texts, dense f32", FIT, ["--rank", "full", "--codec", "f32"], False),
    ("ridge, own texts, penalty by CV", FIT, ["--rank", "full", "--codec", "f32", "--penalty", "auto"], False),
    ("ridge, own texts, rank 64 int4", FIT, ["--rank", "64", "--codec", "int4"], False),
    ("with anchors, dense f32", FIT, ["--rank", "full", "--codec", "f32"], True),
    ("with anchors, dense int8", FIT, ["--rank", "full", "--codec", "int8"], True),
    ("with anchors, dense int4", FIT, ["--rank", "full", "--codec", "int4"], True),
    *[
        (f"with anchors, rank {rank} {codec}", FIT, ["--rank", str(rank), "--codec", codec], True)
        for rank in (64, 32, 16, 8)
        for codec in ("f32", "int8", "int4")
    ],
    ("esmhub's default", FIT, [], True),
    ("esmhub's small", FIT, ["--codec", "small"], True),
    ("default, penalty per task by CV", FIT, ["--penalty", "auto"], True),
    ("default, penalty 0.001", FIT, ["--penalty", "0.001"], True),
    ("default, penalty 0.003", FIT, ["--penalty", "0.003"], True),
    ("default, penalty 0.03", FIT, ["--penalty", "0.03"], True),
    ("default, penalty 0.1", FIT, ["--penalty", "0.1"], True),
    ("default, fidelity 0.99", FIT, ["--fidelity", "0.99"], True),
]


class Bench:
    def __init__(self, data, work, program):
        self.data, self.work = Path(data).resolve(), Path(work)
        self.program = program or built()
        self.truth = json.loads((self.data / "full_logme_600.json").read_text())
        self.transfer = json.loads((self.data / "transfer_accuracy.json").read_text())
        self.targets = list(self.truth)
        self.tasks = sorted(path.stem for path in (self.data / "pairs").glob("*.npz"))
        self.x = {t: np.load(self.data / "targets" / f"{t}.npz")["x"][:ROWS].astype(np.float64) for t in self.targets}
        self.tuned = {}
        for task in self.tasks:
            arrays = np.load(self.data / "anchors" / f"{task}.npz")
            for target in self.targets:
                self.tuned[task, target] = arrays[target].astype(np.float64)
                for left_out in self.targets:
                    if left_out != target:
                        folder = self.work / f"anchors-without-{left_out}" / task
                        folder.mkdir(parents=True, exist_ok=True)
                        np.savez(folder / f"{target}.npz", x=self.x[target].astype(np.float32), y=arrays[target])
        # What dense maps are distilled on: base embeddings of other texts than the target's.
        for left_out in self.targets:
            others = np.concatenate([self.x[t] for t in self.targets if t != left_out])
            np.savez(self.work / f"without-{left_out}.npz", x=others.astype(np.float32))

    def esmhub(self, registry, *arguments):
        command = [self.program, "--json", "--threads", "1", "--registry", registry, "--cache-dir", self.work / "cache"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"esmhub {' '.join(map(str, arguments))}: {done.stderr}")
        return json.loads(done.stdout)

    def pool(self, number, kind, arguments, anchored, left_out):
        registry = self.work / f"pool-{number}-{left_out}"
        self.esmhub(registry, "init")
        arguments = [f"--distill={self.work}/without-{left_out}.npz" if a == "--distill" else a for a in arguments]
        if kind == IMPORT:
            self.esmhub(registry, "publish", *sorted((self.data / "esms").iterdir()), "--base", BASE, *arguments)
            return registry
        named = ["--anchor-pairs", self.work / f"anchors-without-{left_out}"] if anchored else []
        pairs = [self.data / "pairs" / f"{task}.npz" for task in self.tasks]
        self.esmhub(registry, "publish", *pairs, "--base", BASE, *named, *arguments)
        return registry

    def measure(self, number, row, left_out):
        name, kind, arguments, anchored = row
        registry = self.pool(number, kind, arguments, anchored, left_out)
        score = ["--score", "hfselect"] if "hfselect's score" in name else []
        target = self.data / "targets" / f"{left_out}.npz"

        def ranking(rows):
            command = ["rank", target, "--rows", str(rows), "--sample", "first", *score]
            return {esm["name"]: esm["score"] for esm in self.esmhub(registry, *command)["results"]}

        scores, truth = ranking(ROWS), self.truth[left_out]
        found = {"tau": kendall(scores, truth), "top 5": overlap(scores, truth, 5)}
        spread = max(truth.values()) - min(truth.values())
        for k in (1, 3, 5):
            found[f"@{k}"] = (max(truth.values()) - best_of(scores, truth, k)) / spread
        shown = [self.esmhub(registry, "show", task) for task in self.tasks]
        dimension = shown[0]["card"]["weights"]["dimension"]
        stored = [esm["stored_bytes"] for esm in shown]
        found["bytes"] = float(np.mean(stored))
        found["bits"] = 8 * found["bytes"] / dimension**2
        found["raw"] = 8 * float(np.mean([esm["card"]["weights"]["bytes"] for esm in shown])) / dimension**2
        found["rank"] = float(np.mean([esm["rank"] or dimension for esm in shown]))
        found["R2"] = self.r2(registry, left_out)
        if left_out in self.transfer:
            accuracy = dict(self.transfer[left_out])
            plain = accuracy.pop("(no transfer)")
            accuracy.pop(left_out, None)
            scores = {task: score for task, score in ranking(250).items() if task in accuracy}
            best = max(accuracy.values())
            for k in (1, 3, 5):
                found[f"transfer @{k}"] = 100 * (best - best_of(scores, accuracy, k)) / best
            found["gain"] = 100 * float(np.mean([accuracy[task] for task in first(scores, 5)]) - plain)
        shutil.rmtree(registry)
        return found

    def r2(self, registry, left_out):
        folder = registry.with_name(registry.name + "-maps")
        self.esmhub(registry, "pull", "*", "--output", folder)
        values = []
        for task in self.tasks:
            weight, bias = read_map(folder / task / "model.safetensors")
            y = self.tuned[task, left_out]
            error = self.x[left_out] @ weight.T + bias - y
            values.append(1 - (error**2).sum() / ((y - y.mean(0)) ** 2).sum())
        shutil.rmtree(folder)
        return float(np.mean(values))


def built():
    root = Path(__file__).resolve().parents[2]
    subprocess.run(["cargo", "build", "--quiet", "--release", "--package", "esmhub"], cwd=root, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    done = subprocess.run(metadata, cwd=root, check=True, capture_output=True)
    return str(Path(json.loads(done.stdout)["target_directory"]) / "release" / "esmhub")


def read_map(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])

    def tensor(name):
        start, end = header[name]["data_offsets"]
        values = np.frombuffer(data[8 + length + start : 8 + length + end], dtype="<f4")
        return values.reshape(header[name]["shape"]).astype(np.float64)

    return tensor("model.weight"), tensor("model.bias")


def first(scores, k):
    return sorted(scores, key=scores.get, reverse=True)[:k]


def best_of(scores, truth, k):
    return max(truth[task] for task in first(scores, k))


def overlap(scores, truth, k):
    return len(set(first(scores, k)) & set(first(truth, k))) / k


def kendall(scores, truth):
    a = np.array([scores[task] for task in truth])
    b = np.array([truth[task] for task in truth])
    pairs = np.triu_indices(len(a), 1)
    agree = np.sign(a[:, None] - a[None, :]) * np.sign(b[:, None] - b[None, :])
    return float(agree[pairs].mean())


def mean(results, key):
    values = [result[key] for result in results if key in result]
    return float(np.mean(values))


def draw(path, table):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "esmhub"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.2))
    styles = {"f32": ("o", "#7a7a7a"), "int8": ("^", "#b0581a"), "int4": ("D", "#1b7837")}
    for codec, (marker, colour) in styles.items():
        points = [(r["bits"], r["tau"], name) for name, r in table if "anchors, rank" in name and name.endswith(" " + codec)]
        points.sort()
        axes.plot(*zip(*[p[:2] for p in points]), marker=marker, color=colour, lw=1.2, label=f"low rank, {codec}")
        if codec == "int4":
            for bits, tau, name in points:
                rank = name.split("rank ")[1].split()[0]
                axes.annotate(f"rank {rank}", (bits, tau), textcoords="offset points", xytext=(-6, 6), ha="right", fontsize=8)
    others = [
        ("with anchors, dense f32", "dense, anchors", "*", "#444444"),
        ("ridge, own texts, dense f32", "dense, own texts only", "P", "#8856a7"),
        ("hfselect's training, dense", "hfselect", "X", "#c51b3a"),
    ]
    for name, label, marker, colour in others:
        result = dict(table)[name]
        axes.plot([result["bits"]], [result["tau"]], marker=marker, ms=10, ls="", color=colour, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks([0.25, 0.5, 1, 2, 4, 8, 16, 32], ["1/4", "1/2", "1", "2", "4", "8", "16", "32"])
    axes.set_xlabel("bits per weight of a dense map")
    axes.set_ylabel("Kendall's tau with the truth")
    axes.set_title("20 source tasks, 5 targets, each left out of the anchors", fontsize=10)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="lower left", ncols=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--figure", help="where to draw bytes against agreement, as SVG")
    parser.add_argument("--only", help="only the maps whose name contains this", default="")
    parser.add_argument("--program", help="an esmhub that is built already")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(arguments.jobs) as workers:
        bench = Bench(arguments.data, work, arguments.program)
        rows = [row for row in MAPS if arguments.only in row[0]]
        jobs = [
            [workers.submit(bench.measure, number, row, left_out) for left_out in bench.targets]
            for number, row in enumerate(rows)
        ]
        print(
            f"{'map':32} {'rank':>5} {'bytes':>7} {'bits':>6} {'raw':>6} {'tau':>6} {'top 5':>5} {'@1':>5} {'@3':>5}"
            f" {'@5':>5} {'R2':>6} | {'@1 %':>5} {'@3 %':>5} {'@5 %':>5} {'gain':>6}"
        )
        table = []
        for row, futures in zip(rows, jobs):
            results = [future.result() for future in futures]
            r = {key: mean(results, key) for key in results[0].keys() | results[1].keys()}
            table.append((row[0], r))
            print(
                f"{row[0]:32} {r['rank']:5.0f} {r['bytes']:7.0f} {r['bits']:6.2f} {r['raw']:6.2f} {r['tau']:6.3f}"
                f" {r['top 5']:5.2f} {r['@1']:5.2f} {r['@3']:5.2f} {r['@5']:5.2f} {r['R2']:6.3f} |"
                f" {r['transfer @1']:5.2f} {r['transfer @3']:5.2f} {r['transfer @5']:5.2f} {r['gain']:+6.2f}",
                flush=True,
            )
        if arguments.figure:
            draw(arguments.figure, table)


if __name__ == "__main__":
    main()
