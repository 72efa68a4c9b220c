"""What anchor texts are worth: how well a map from base to tuned embeddings holds on texts of a task that it never saw.

    pip install torch transformers numpy
    python bench/anchors/measure.py --model FOLDER --data FOLDER [--anchors cli/anchors] [--cache FOLDER] [--domains]

`--model` is a BERT-like encoder with mean pooling (the figures in cli/anchors/README.md are all-MiniLM-L6-v2's), `--data` a
folder with `targets/{cola,cr,trec,tweet_emotion,wellformed}.csv`, 1,000 rows `text,label` each.

The base model is fine-tuned on source tasks made of these five data sets. For every source and every target whose texts
the source has not seen, a map is fitted on

    a  the source's own 600 texts
    b  these and the anchor texts of `--anchors` (all, a half, a quarter of them)
    c  these and real anchors: 600 rows of every data set that is neither the source's nor the target
    d  these and as many rows of such real anchors as `--anchors` has texts (all there are, if they are fewer)
    e  these and the target's rows 601 to 1,000 (an oracle)
    f  these and the anchors of b and c

and tested on the target's first 600 rows: R2 of the mapped against the tuned embeddings, and Kendall's tau, over the
sources, between LogME of the mapped and of the tuned embeddings. The ridge penalty is 0.1 of the mean eigenvalue without
anchors and 0.03 with; "b'" and "c'" are b and c with 0.1. The figures are means over the sources; as the tasks that wreck
the embedding most (a question's first word, for one) pull them down, the last column is the median over all pairs.

One thread, fixed seeds. Tuned models and embeddings are kept in `--cache`, so that a second run with other anchors only
embeds what is new. The first run takes about half an hour on one core.
"""

import argparse
import csv
import hashlib
import os
import random
import re
import statistics
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

MAX_TOKENS = 48
ROWS = 600
RANK = 64
LAMBDA_ALONE = 0.1
LAMBDA_ANCHORS = 0.03
TARGETS = ["cola", "cr", "trec", "tweet_emotion", "wellformed"]
REGRESSION = {"wellformed"}
FIRST_PERSON = re.compile(r"\b(i|i'm|im|my|me|we|our|us|mine|myself)\b", re.I)


# --- Data: targets and the source tasks made of them


def load_targets(folder):
    targets = {}
    for name in TARGETS:
        with open(folder / "targets" / f"{name}.csv", encoding="utf-8", newline="") as f:
            rows = list(csv.DictReader(f))
        texts = [row["text"] for row in rows]
        if name in REGRESSION:
            labels = np.array([float(row["label"]) for row in rows])
        else:
            labels = classes([row["label"] for row in rows])
        targets[name] = (texts, labels)
    return targets


def classes(values):
    index = {value: i for i, value in enumerate(sorted(set(values)))}
    return np.array([index[value] for value in values])


def first_word(text):
    word = text.lower().split()[0]
    return word if word in {"what", "who", "how", "where", "when", "which", "is", "why"} else "other"


def length(texts):
    words = np.log([len(text.split()) for text in texts])
    return (words - words.mean()) / words.std()


def source_tasks(targets):
    """Name -> (data sets it has seen, texts, labels); float labels mean regression."""
    own = {name: (texts[:ROWS], labels[:ROWS]) for name, (texts, labels) in targets.items()}
    tasks = {f"{name}/label": ({name}, *own[name]) for name in TARGETS}

    def derived(name, what, label):
        texts = own[name][0]
        tasks[f"{name}/{what}"] = ({name}, texts, label(texts))

    derived("cola", "length", length)
    derived("trec", "first word", lambda t: classes([first_word(x) for x in t]))
    derived("cr", "first person", lambda t: classes([bool(FIRST_PERSON.search(x)) for x in t]))
    derived("tweet_emotion", "first person", lambda t: classes([bool(FIRST_PERSON.search(x)) for x in t]))
    derived("wellformed", "first word", lambda t: classes([first_word(x) for x in t]))
    tasks["tweet_emotion/joy"] = (
        {"tweet_emotion"},
        own["tweet_emotion"][0],
        (own["tweet_emotion"][1] == 1).astype(int),
    )

    half = ROWS // 2
    for one, two in [("cola", "trec"), ("cr", "tweet_emotion"), ("trec", "wellformed")]:
        texts = own[one][0][:half] + own[two][0][:half]
        tasks[f"{one}+{two}/which"] = ({one, two}, texts, np.repeat([0, 1], half))
    return tasks


def load_anchors(folder):
    """Domain -> texts."""
    files = sorted(folder.glob("*.txt"))
    return {path.stem: path.read_text(encoding="utf-8").splitlines() for path in files}


# --- Models


def pooled(model, tokenizer, texts):
    batch = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).float()
    return (hidden * mask).sum(1) / mask.sum(1)


def tune(folder, tokenizer, texts, labels, seed):
    torch.manual_seed(seed)
    model = AutoModel.from_pretrained(folder)
    regression = np.issubdtype(labels.dtype, np.floating)
    outputs = 1 if regression else int(labels.max()) + 1
    head = torch.nn.Linear(model.config.hidden_size, outputs)
    loss_of = torch.nn.MSELoss() if regression else torch.nn.CrossEntropyLoss()
    wanted = torch.tensor(labels, dtype=torch.float32 if regression else torch.long)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=1e-4)
    model.train()
    for _ in range(2):
        for rows in torch.randperm(len(texts)).split(16):
            out = head(pooled(model, tokenizer, [texts[i] for i in rows]))
            loss = loss_of(out.squeeze(1) if regression else out, wanted[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


class Embedder:
    """Embeddings of one model by text, kept in a file of the cache folder."""

    def __init__(self, name, cache, tokenizer, make):
        stem = re.sub(r"\W+", "_", name)
        self.weights, self.store = cache / f"{stem}.pt", cache / f"{stem}.npz"
        self.tokenizer, self.make = tokenizer, make
        self.known = {}
        if self.store.exists():
            with np.load(self.store) as saved:
                self.known = dict(zip(saved["keys"].tolist(), saved["values"]))

    def model(self):
        if self.weights.exists():
            return torch.load(self.weights, weights_only=False).eval()
        model = self.make()
        torch.save(model, self.weights)
        return model

    def __call__(self, texts):
        keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
        new = {key: text for key, text in zip(keys, texts) if key not in self.known}
        if new:
            model = self.model()
            todo = sorted(new, key=lambda key: len(new[key]))
            with torch.no_grad():
                for start in range(0, len(todo), 32):
                    part = todo[start : start + 32]
                    values = pooled(model, self.tokenizer, [new[key] for key in part]).numpy()
                    self.known.update(zip(part, values))
            np.savez(self.store, keys=list(self.known), values=np.stack(list(self.known.values())))
        return np.stack([self.known[key] for key in keys]).astype(np.float64)


# --- The map, its fidelity, and the score


def fit(x, y, penalty):
    """f(x) = s x + V V' W x + b, ridge towards s x, in the leading directions of the fitted values."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = x - mean_x, y - mean_y
    dim = x.shape[1]
    s = (x * y).sum() / (x * x).sum()
    gram = x.T @ x
    gram += penalty * np.trace(gram) / dim * np.eye(dim)
    w = np.linalg.solve(gram, x.T @ (y - s * x)).T
    v = np.linalg.eigh(w @ gram @ w.T)[1][:, -RANK:]
    linear = s * np.eye(dim) + v @ (v.T @ w)
    return linear, mean_y - linear @ mean_x


def r2(mapped, tuned):
    return 1 - ((mapped - tuned) ** 2).sum() / ((tuned - tuned.mean(0)) ** 2).sum()


def logme(features, labels):
    """Log evidence per row of a Bayesian linear model, all directions counted; mean over one-vs-rest classes."""
    n, dim = features.shape
    u, sigma, _ = np.linalg.svd(features, full_matrices=False)
    sigma = sigma**2
    if np.issubdtype(labels.dtype, np.floating):
        columns = [labels]
    else:
        columns = [(labels == label).astype(float) for label in range(int(labels.max()) + 1)]
    evidences = []
    for y in columns:
        along = (u.T @ y) ** 2
        beyond = max((y * y).sum() - along.sum(), 0.0)
        alpha = beta = 1.0
        for _ in range(50):
            t = alpha / beta
            gamma = (sigma / (sigma + t)).sum()
            m2 = (sigma * along / (sigma + t) ** 2).sum()
            res2 = (along * t**2 / (sigma + t) ** 2).sum() + beyond
            alpha, beta = gamma / (m2 + 1e-5), (n - gamma) / (res2 + 1e-5)
            if abs(alpha / beta - t) <= 1e-3 * t:
                break
        t = alpha / beta
        m2 = (sigma * along / (sigma + t) ** 2).sum()
        res2 = (along * t**2 / (sigma + t) ** 2).sum() + beyond
        determinant = np.log(alpha + beta * sigma).sum() + (dim - len(sigma)) * np.log(alpha)
        evidence = dim * np.log(alpha) + n * np.log(beta) - determinant - beta * res2 - alpha * m2 - n * np.log(2 * np.pi)
        evidences.append(evidence / (2 * n))
    return float(np.mean(evidences))


def kendall(a, b):
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    return sum(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in pairs) / len(pairs)


# --- The comparison


def variants(anchors, domains):
    """Name -> texts of ours, for everything that depends on neither the source nor the target."""
    every = [text for texts in anchors.values() for text in texts]
    chosen = {f"b  + ours, all {len(every)}": every}
    for part, seeds in ((2, 3), (4, 3)):
        for seed in range(seeds):
            rows = random.Random(seed).sample(every, len(every) // part)
            chosen[f"b  + ours, {len(rows)} ({seed})"] = rows
    if domains:
        for name in anchors:
            chosen[f"b  - {name}"] = [t for other, texts in anchors.items() if other != name for t in texts]
        for name, texts in anchors.items():
            chosen[f"b  {name} alone"] = texts
    return chosen


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--anchors", type=Path, default=Path(__file__).resolve().parents[2] / "cli" / "anchors")
    options.add_argument("--cache", type=Path, default=Path("anchors-cache"))
    options.add_argument("--domains", action="store_true", help="also leave out, and use alone, each file of --anchors")
    options = options.parse_args()
    torch.set_num_threads(1)
    options.cache.mkdir(parents=True, exist_ok=True)

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    targets = load_targets(options.data)
    tasks = source_tasks(targets)
    anchors = load_anchors(options.anchors)
    chosen = variants(anchors, options.domains) if anchors else {}
    every = [text for texts in anchors.values() for text in texts]

    base = Embedder("base", options.cache, tokenizer, lambda: AutoModel.from_pretrained(options.model).eval())
    figures = {}  # variant -> target -> [(r2, score)], one per source
    truth = {name: [] for name in TARGETS}
    for seed, (source, (seen, texts, labels)) in enumerate(tasks.items()):
        tuned = Embedder(
            source, options.cache, tokenizer, lambda: tune(options.model, tokenizer, texts, labels, seed)
        )

        def mapped(more, penalty):
            rows = texts + more
            return fit(base(rows), tuned(rows), penalty)

        # Filled in one go: one load of the model, one write of the cache.
        everything = [text for name in TARGETS for text in targets[name][0]] + every
        base(everything), tuned(everything)
        print(f"{source}: ready", flush=True)

        shared = {"a  source alone": mapped([], LAMBDA_ALONE)}
        shared |= {name: mapped(more, LAMBDA_ANCHORS) for name, more in chosen.items()}
        if every:
            shared["b' + ours, penalty as in a"] = mapped(every, LAMBDA_ALONE)
        for name in TARGETS:
            if name in seen:
                continue
            test, answers = targets[name][0][:ROWS], targets[name][1][:ROWS]
            x, y = base(test), tuned(test)
            truth[name].append(logme(y, answers))
            others = [other for other in TARGETS if other not in seen | {name}]
            real = [t for other in others for t in targets[other][0][:ROWS]]
            maps = dict(shared)
            maps[f"c  + real, {ROWS} a set"] = mapped(real, LAMBDA_ANCHORS)
            maps["c' + real, penalty as in a"] = mapped(real, LAMBDA_ALONE)
            pool = [t for other in others for t in targets[other][0]]
            same = random.Random(0).sample(pool, min(len(every), len(pool)))
            maps["d  + real, as many as ours"] = mapped(same, LAMBDA_ANCHORS)
            maps["e  + the target's own (oracle)"] = mapped(targets[name][0][ROWS:], LAMBDA_ANCHORS)
            if every:
                maps["f  + real + ours"] = mapped(real + every, LAMBDA_ANCHORS)
            for variant, (linear, bias) in maps.items():
                moved = x @ linear.T + bias
                figures.setdefault(variant, {}).setdefault(name, []).append((r2(moved, y), logme(moved, answers)))
            untouched = figures.setdefault("   base embeddings", {}).setdefault(name, [])
            untouched.append((r2(x, y), 0.0))  # One score for all sources: no order, tau 0.

    def line(label, cells):
        print(f"{label:32}" + "".join(f"{cell:>15}" for cell in cells))

    print(f"\n{len(tasks)} sources; R2, tau; sources per target: " + ", ".join(f"{n} {len(truth[n])}" for n in TARGETS))
    line("", [*TARGETS, "mean", "median R2"])
    for variant in sorted(figures):
        cells = []
        for name in TARGETS:
            scores = figures[variant][name]
            tau = kendall([score for _, score in scores], truth[name])
            cells.append((statistics.fmean(value for value, _ in scores), tau))
        cells.append(tuple(statistics.fmean(column) for column in zip(*cells)))
        median = statistics.median(value for scores in figures[variant].values() for value, _ in scores)
        line(variant, [*(f"{value:.3f}  {tau:+.2f}" for value, tau in cells), f"{median:.3f}"])


if __name__ == "__main__":
    main()
