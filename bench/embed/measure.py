"""How long embedding takes: esmhub's encoder against hfselect and against plain torch, one thread each, in turns.

    pip install hf-dataset-selector==0.2.1 numpy
    python bench/embed/measure.py --model FOLDER --data FOLDER [--texts 512] [--rounds 5]

`--model` is a folder with a BERT such as all-MiniLM-L6-v2, `--data` one with CSV files that have a column `text`. Three
collections are made of their rows:

    short   one row a text
    mixed   1 to 8 rows joined, by turns, so that lengths spread up to the maximum of 128 tokens
    long    16 rows joined: nearly all are cut at 128 tokens; a quarter of the texts

and each is embedded by

    esmhub    `Encoder::embed` on one thread (selection/examples/embed_seconds.rs)
    hfselect  the loop of its `compute_scores`, without ESMs: batches of 128 in the texts' order, padded to 128 tokens
    sorted    transformers as well as it can be driven: texts sorted by their tokens' number, batches of 32 padded to
              the longest of the batch, inference mode

The model is loaded, and everything has run once, before a clock starts; splitting into tokens is counted for all three.
Seconds are those in which the process had a processor, as Linux counts them, so that others on the machine take less part in
the figures. In each round the three take their turns, and the ratios of a round are taken before their median.
`largest difference` is that between esmhub's embeddings and those of `sorted`, over all texts and dimensions.
"""

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import tempfile
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TQDM_DISABLE"] = "1"

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

MAX_LENGTH = 128


def collections(data, count):
    rows = []
    for path in sorted(Path(data).glob("*.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            rows.extend(" ".join(row["text"].split()) for row in csv.DictReader(file))
    random.Random(1).shuffle(rows)
    source = iter(rows * 8)

    def joined(number):
        return " ".join(next(source) for _ in range(number))

    return {
        "short": [joined(1) for _ in range(count)],
        "mixed": [joined(1 + text % 8) for text in range(count)],
        "long": [joined(16) for _ in range(count // 4)],
    }


def processor_seconds(process):
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def seconds_of(process, embed):
    start = processor_seconds(process)
    embed()
    return processor_seconds(process) - start


class Esmhub:
    def __init__(self, program, model, texts, work):
        (work / "texts").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        command = [program, model, work / "texts", str(MAX_LENGTH), "1", work / "embeddings"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.embed()
        self.embeddings = np.fromfile(work / "embeddings", dtype="<f4").reshape(len(texts), -1)

    def embed(self):
        print(file=self.process.stdin, flush=True)
        if not self.process.stdout.readline():
            raise SystemExit("embed_seconds failed")

    def seconds(self):
        return seconds_of(self.process.pid, self.embed)


class Torch:
    """What both ways through torch share; each embeds once to warm up."""

    def __init__(self, model, texts):
        self.model = AutoModel.from_pretrained(model).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        # hfselect takes the mean over the tokens where the model's name says this, else the pooler's output.
        self.model.name_or_path = "sentence-transformers/"
        self.texts = texts
        self.embed()

    def seconds(self):
        return seconds_of("self", self.embed)


class Hfselect(Torch):
    def embed(self):
        import datasets
        import hfselect
        from hfselect.esm_logme import compute_scores

        rows = datasets.Dataset.from_dict({"text": self.texts, "label": [0.0] * len(self.texts)})
        compute_scores(hfselect.Dataset(rows, "text", "label", is_regression=True), self.model, [], self.tokenizer)


class Sorted(Torch):
    @torch.inference_mode()
    def embed(self):
        tokens = self.tokenizer(self.texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
        order = sorted(range(len(tokens)), key=lambda text: len(tokens[text]))
        self.embeddings = np.empty((len(tokens), self.model.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            padded = self.tokenizer.pad({"input_ids": [tokens[text] for text in batch]}, return_tensors="pt")
            states = self.model(**padded)[0]
            mask = padded["attention_mask"].unsqueeze(-1)
            self.embeddings[batch] = ((states * mask).sum(1) / mask.sum(1)).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="only the collection of this name")
    parser.add_argument("--program", help="an embed_seconds that is built already")
    parser.add_argument("--without-hfselect", action="store_true", help="compare with `sorted` alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    program = arguments.program or build(Path(__file__).resolve().parents[2])
    model = Path(arguments.model).resolve()
    every = collections(Path(arguments.data).resolve(), arguments.texts)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)  # hfselect writes a log wherever it is.
        for name, texts in every.items():
            if arguments.only in (None, name):
                compare(name, texts, program, model, Path(work), arguments)


def build(root):
    example = ["--release", "-p", "esmhub-selection", "--example", "embed_seconds"]
    subprocess.run(["cargo", "build", "--quiet", *example], cwd=root, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    done = subprocess.run(metadata, cwd=root, check=True, capture_output=True)
    return Path(json.loads(done.stdout)["target_directory"]) / "release" / "examples" / "embed_seconds"


def compare(name, texts, program, model, work, arguments):
    ways = {"esmhub": Esmhub(program, model, texts, work)}
    if not arguments.without_hfselect:
        ways["hfselect"] = Hfselect(model, texts)
    ways["sorted"] = Sorted(model, texts)
    tokens = ways["sorted"].tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    lengths = [len(text) for text in tokens]
    average = statistics.mean(lengths)
    print(f"{name}: {len(texts)} texts of {min(lengths)} to {max(lengths)} tokens, {average:.1f} on average")
    rounds = []
    for number in range(arguments.rounds):
        rounds.append({way: embedder.seconds() for way, embedder in ways.items()})
        print(f"  round {number + 1}: " + ", ".join(f"{way} {seconds:.2f} s" for way, seconds in rounds[-1].items()))
    difference = np.abs(ways["esmhub"].embeddings - ways["sorted"].embeddings).max()
    medians = {way: statistics.median(seconds[way] for seconds in rounds) for way in ways}
    print("  median: " + ", ".join(f"{way} {seconds:.2f} s" for way, seconds in medians.items()))
    for way in list(ways)[1:]:
        ratio = statistics.median(seconds[way] / seconds["esmhub"] for seconds in rounds)
        best = min(seconds[way] for seconds in rounds) / min(seconds["esmhub"] for seconds in rounds)
        print(f"  {way} / esmhub: median ratio {ratio:.2f}, best against best {best:.2f}")
    print(f"  largest difference {difference:.1e}", flush=True)
    ways["esmhub"].process.communicate()


if __name__ == "__main__":
    main()
