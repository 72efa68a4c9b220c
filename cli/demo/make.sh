#!/usr/bin/env bash
# Makes pool.esm and tweet_emotion.npz again from the real data, as README.md beside this file says.
# Usage: make.sh DATA MODEL  (DATA: the folder with pairs/, anchors/ and targets/; MODEL: all-MiniLM-L6-v2's folder)
set -euo pipefail
data=$1 model=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ESMHUB_REGISTRY=$work/pool ESMHUB_CACHE=$work/cache
# Built once: what is made here is a part of the program.
cargo build --quiet --release --package esmhub --manifest-path "$here/../Cargo.toml"
cp "$here/../../target/release/esmhub" "$work/esmhub"
esmhub() { "$work/esmhub" "$@"; }

python3 - "$data" "$work/anchors" "$here/tweet_emotion.npz" <<'PYTHON'
import sys
from pathlib import Path
import numpy as np
data, anchors, demo = map(Path, sys.argv[1:])
targets = {path.stem: np.load(path) for path in (data / "targets").glob("*.npz")}
# The demo's target is left out: its texts must be new to the maps that are ranked for it.
for task in (data / "anchors").glob("*.npz"):
    folder = anchors / task.stem
    folder.mkdir(parents=True)
    for target, tuned in np.load(task).items():
        if target != demo.stem:
            np.savez(folder / f"{target}.npz", x=targets[target]["x"][: len(tuned)], y=tuned)
target = targets[demo.stem]
np.savez_compressed(demo, x=target["x"].astype(np.float16), y=target["y"].astype(np.uint8))
PYTHON
esmhub init
esmhub publish "$data"/pairs/*.npz --anchor-pairs "$work/anchors" \
    --base "sentence-transformers/all-MiniLM-L6-v2=$model"
esmhub export '*' "$work/pool.esm"
mv "$work/pool.esm" "$here/pool.esm"
