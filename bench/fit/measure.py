"""How long one ESM takes to fit: `esmhub publish` against hfselect's training, on the same pairs, one thread, in turn.

    pip install hf-dataset-selector==0.2.1 numpy
    python bench/fit/measure.py [--dimension 768] [--rows 5000] [--rounds 3]

Both are whole commands: start, reading the pairs from a .npz, fitting, writing the ESM. Ours also measures the map on
held-out pairs, chooses its rank, and syncs what it wrote to the disk. The peer is `ESMTrainer.train_with_embeddings` with its
defaults and `save_pretrained`. Then the fit alone against the training alone: without start, imports, reading and writing. The
pairs are synthetic: embeddings with a spectrum that falls as 1/k, tuned ones that differ by a map of falling spectrum and by
noise; neither method's time depends on the values.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

PEER = """
import sys, time
import numpy as np
import torch
from hfselect import EmbeddingDataset, ESMTrainer
torch.set_num_threads(1)
arrays = np.load(sys.argv[1])
dataset = EmbeddingDataset(torch.tensor(arrays["x"]), torch.tensor(arrays["y"]))
start = time.perf_counter()
esm = ESMTrainer().train_with_embeddings(dataset, verbose=0)
print(time.perf_counter() - start)
esm.save_pretrained(sys.argv[2])
"""


def pairs(rows, dimension):
    random = np.random.default_rng(1)
    falling = 1 / np.sqrt(np.arange(1, dimension + 1))
    rotation = np.linalg.qr(random.normal(size=(dimension, dimension)))[0]
    x = random.normal(size=(rows, dimension)) * falling @ rotation
    change = (rotation * falling) @ random.normal(size=(dimension, dimension)) / np.sqrt(dimension)
    y = x + 0.5 * x @ change + 0.02 * random.normal(size=x.shape)
    return x.astype(np.float32), y.astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    root = Path(__file__).resolve().parents[2]
    build = ["cargo", "build", "--quiet", "--release", "--workspace", "--bins", "--example", "fit_seconds"]
    subprocess.run(build, cwd=root, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=root, check=True, capture_output=True
    )
    release = Path(json.loads(metadata.stdout)["target_directory"]) / "release"
    program = release / "esmhub"
    x, y = pairs(arguments.rows, arguments.dimension)
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        np.savez(work / "task.npz", x=x, y=y)
        x.tofile(work / "x.f32")
        y.tofile(work / "y.f32")
        command = [program, "--json", "--threads", "1", "--cache-dir", work / "cache", "--registry"]

        def ours(number):
            pool = work / f"pool-{number}"
            subprocess.run([*command, pool, "init"], check=True, capture_output=True)
            start = time.perf_counter()
            publish = [*command, pool, "publish", work / "task.npz", "--base", "acme/encoder"]
            subprocess.run(publish, check=True, capture_output=True)
            whole = time.perf_counter() - start
            fit = [release / "examples" / "fit_seconds", str(arguments.dimension), work / "x.f32", work / "y.f32"]
            done = subprocess.run(fit, check=True, capture_output=True, text=True)
            return whole, float(done.stdout.split()[0])

        def peer(number):
            start = time.perf_counter()
            train = [sys.executable, "-c", PEER, work / "task.npz", work / f"esm-{number}"]
            done = subprocess.run(train, cwd=work, check=True, capture_output=True, text=True)
            return time.perf_counter() - start, float(done.stdout.split()[-1])

        ratios = []
        for number in range(arguments.rounds):
            (mine, fit), (theirs, training) = ours(number), peer(number)
            ratios.append((theirs / mine, training / fit))
            print(
                f"round {number + 1}: commands: esmhub {mine:.2f} s, hfselect {theirs:.2f} s;"
                f" fit {fit:.2f} s, training {training:.2f} s"
            )
    whole, alone = (statistics.median(column) for column in zip(*ratios))
    print(f"median ratio of the commands {whole:.1f}, of fit and training alone {alone:.1f}")


if __name__ == "__main__":
    main()
