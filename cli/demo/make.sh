#!/usr/bin/env bash
# Makes pool.esm and tweet_emotion.npz again from the real data, as README.md beside this file says.
# Usage: make.sh DATA MODEL  (DATA: the folder with pairs/ and targets/; MODEL: all-MiniLM-L6-v2's folder)
set -euo pipefail
data=$1 model=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ESMHUB_REGISTRY=$work/pool ESMHUB_CACHE=$work/cache
esmhub() { cargo run --quiet --release --package esmhub -- "$@"; }

esmhub init
esmhub publish "$data"/pairs/*.npz --base "sentence-transformers/all-MiniLM-L6-v2=$model" --codec int8
rm -f "$here/pool.esm"
esmhub export '*' "$here/pool.esm"
python3 - "$data/targets/tweet_emotion.npz" "$here/tweet_emotion.npz" <<'PYTHON'
import sys
import numpy as np
target = np.load(sys.argv[1])
np.savez_compressed(sys.argv[2], x=target["x"].astype(np.float16), y=target["y"].astype(np.uint8))
PYTHON
