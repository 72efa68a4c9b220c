"""Writes golden.json: small targets and maps, and their scores by numpy, scipy and scikit-learn.

    python selection/tests/scores/generate.py > selection/tests/scores/golden.json

Everything is computed from features that are written out, by the packages' own estimators where there are some: Ridge and
LedoitWolf of scikit-learn, multivariate normal densities of scipy. Made with numpy 2, scipy 1.15 and scikit-learn 1.6 or later.
"""

import json
import sys

import numpy as np
from scipy.linalg import null_space, svdvals
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import Ridge

FOLDS = 5
STEPS = np.arange(8, -9, -1) / 2


def fold_of(y, numbers):
    """Rows are dealt to the folds in turn, class after class."""
    count = min(FOLDS, len(y))
    order = np.arange(len(y)) if numbers else np.argsort(y, kind="stable")
    folds = np.empty(len(y), int)
    folds[order] = np.arange(len(y)) % count
    return folds, count


def strength(features, labels):
    """The grid's strength with the highest marginal likelihood, each label vector at its best noise."""
    n = len(features)
    # Coordinates in which the mean is gone: no row is special.
    basis = null_space(np.ones((1, n)), rcond=1e-10).T
    z, v = basis @ features, basis @ labels
    v = v[:, np.linalg.norm(v, axis=0) > 1e-9]
    if n == 1 or v.shape[1] == 0:
        return 1.0  # The mean is all that there is to learn, at any strength.
    eigenvalues = (z**2).sum() / min(z.shape[1], n - 1)
    best = None
    for step in STEPS:
        t = eigenvalues * 10**step
        covariance = np.eye(n - 1) + z @ z.T / t
        cost = 0.0
        for column in v.T:
            noise = column @ np.linalg.solve(covariance, column) / (n - 1)
            cost -= 2 * multivariate_normal.logpdf(column, cov=noise * covariance, allow_singular=False)
        if best is None or cost < best[0] - 1e-9 * n * v.shape[1]:
            best = (cost, t)
    return best[1]


def ridge(features, y, numbers):
    labels = y[:, None].astype(float) if numbers else np.eye(y.max() + 1)[y]
    folds, count = fold_of(y, numbers)
    predicted = np.empty_like(labels)
    for fold in range(count):
        fit, held_out = folds != fold, folds == fold
        t = strength(features[fit], labels[fit])
        model = Ridge(alpha=t, solver="svd").fit(features[fit], labels[fit])
        predicted[held_out] = model.predict(features[held_out]).reshape(held_out.sum(), -1)
    if numbers:
        return 1 - ((labels - predicted) ** 2).sum() / ((labels - labels.mean()) ** 2).sum()
    return (predicted.argmax(1) == y).mean()


def h_score(features, y):
    """Ibrahim et al. 2021, both covariances over N."""
    shrunk = LedoitWolf().fit(features)
    means = np.stack([features[y == c].mean(0) for c in y])
    between = np.cov(means, rowvar=False, bias=True)
    return (1 - shrunk.shrinkage_) * np.trace(np.linalg.pinv(shrunk.covariance_, rcond=1e-15) @ between)


def trans_rate(features, y, epsilon=1e-4):
    """Huang et al. 2022."""

    def rate(z):
        # The authors' slogdet of I + z'z / (n epsilon) is this, and loses digits where features are large.
        return np.log1p(svdvals(z) ** 2 / (len(z) * epsilon)).sum() / 2

    centred = features - features.mean(0)
    classes = np.unique(y)
    return rate(centred) - sum(rate(centred[y == c]) for c in classes) / len(classes)


def case(rng, name, rows, dimension, classes=None, rank=None, scale=1.0, lone=False):
    falling = 1 / np.sqrt(1 + np.arange(dimension))
    x = ((rng.standard_normal((rows, dimension)) * falling + 0.5) * scale).astype(np.float32)
    bias = rng.standard_normal(dimension).astype(np.float32)
    if rank is None:
        weight = (np.eye(dimension) + 0.4 * rng.standard_normal((dimension, dimension))).astype(np.float32)
        made = {"weight": weight.ravel().tolist()}
        linear = weight.astype(float)
    else:
        factors = rng.standard_normal((2 * rank, dimension)).astype(np.float32)
        made = {"scale": 0.75, "factors": factors.ravel().tolist()}
        linear = 0.75 * np.eye(dimension) + factors[:rank].astype(float).T @ factors[rank:].astype(float)
    features = x.astype(float) @ linear.T + bias
    along = features @ rng.standard_normal((dimension, classes or 1)) / scale
    noise = along.std() * rng.standard_normal(along.shape)
    scores = {}
    if classes is None:
        y = (3 * along + noise)[:, 0] + 10
    else:
        y = (along + noise).argmax(1)
        y[:classes] = np.arange(classes)
        if lone:
            y[y == classes - 1] = 0
            y[rows // 2] = classes - 1
        for what, z in (("", features), ("_base", x.astype(float))):
            scores["hscore" + what], scores["transrate" + what] = h_score(z, y), trans_rate(z, y)
    for what, z in (("", features), ("_base", x.astype(float))):
        scores["ridge" + what] = ridge(z, y, classes is None)
    return {
        "name": name,
        "dimension": dimension,
        "x": x.ravel().tolist(),
        "classes": classes,
        "y": y.tolist(),
        "bias": bias.tolist(),
        **made,
        "scores": {key: float(value) for key, value in scores.items()},
    }


def main():
    rng = np.random.default_rng(7)
    cases = [
        case(rng, "more rows than dimensions", 60, 8, classes=3),
        case(rng, "folds of more rows than dimensions", 70, 5, classes=2),
        case(rng, "two rows", 2, 6, classes=2),
        case(rng, "three rows", 3, 4, classes=2),
        case(rng, "fewer rows than dimensions", 14, 24, classes=3),
        case(rng, "as many rows as dimensions", 12, 12, classes=2),
        case(rng, "one row more", 13, 12, classes=2),
        case(rng, "a class of one row", 40, 8, classes=3, lone=True),
        case(rng, "low rank", 50, 12, classes=4, rank=3),
        case(rng, "low rank, fewer rows", 10, 16, classes=2, rank=2),
        case(rng, "half of the rank", 40, 8, classes=2, rank=4),
        case(rng, "small features", 40, 8, classes=3, scale=1e-3),
        case(rng, "large features", 40, 8, classes=3, scale=1e3),
        case(rng, "numbers", 50, 7),
        case(rng, "numbers, fewer rows than dimensions", 15, 20),
        case(rng, "numbers, low rank", 40, 12, rank=2),
        case(rng, "numbers, three rows", 3, 4),
    ]
    json.dump(cases, sys.stdout, indent=None, separators=(",", ":"))
    sys.stdout.write("\n")


main()
