"""Bayesian search: where a Gaussian process over the trials so far expects most to be gained.

    f ~ GP(0, k),  k = c Matern_5/2(one length per input) + white noise,  fitted to standardised scores
    EI(x) = (mu(x) - best) Phi(z) + sigma(x) phi(z),  z = (mu(x) - best) / sigma(x);  0 where sigma(x) = 0

(Mockus 1975; Jones, Schonlau and Welch 1998, equation 15, for a maximum; Matern 5/2 after Snoek, Larochelle and Adams 2012.) mu and
sigma are of f without the noise, and best is the largest mu among points that were tried: a lucky observation is no target. Points
on trial elsewhere count as if they had come to the mean of all scores (a constant liar: Ginsbourger, Le Riche and Carraro 2010), so
that two processes keep apart.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_improvement", "most_promising"]

_CANDIDATES_COUNT, _NEAR_COUNT, _NEAR_DEVIATION = 2000, 500, 0.05

Matrix = NDArray[np.float64]


def expected_improvement(mean: Matrix, deviation: Matrix, best: float) -> Matrix:
    """EI by the formula above, >= 0, in the unit of the mean.

    Args:
        mean, deviation: same shape, of the function at points; deviation >= 0.
        best: what is to be improved on; higher is better.
    """
    from scipy.stats import norm

    gain = mean - best
    z = np.divide(gain, deviation, out=np.zeros_like(gain), where=deviation > 0)
    improved = gain * norm.cdf(z) + deviation * norm.pdf(z)
    return np.asarray(np.where(deviation > 0, np.maximum(improved, 0.0), 0.0))


def most_promising(tried: Matrix, scores: Matrix, on_trial: Matrix, *, random: np.random.Generator) -> Matrix:
    """The point with the largest expected improvement among many random ones and some near the best tried.

    Args:
        tried: shape (n, inputs), points of the unit cube, n >= 2.
        scores: shape (n,), what they came to, higher is better, finite.
        on_trial: shape (m, inputs), points whose score is not known yet.
        random: of candidates and of the fit's starts.

    Returns:
        shape (inputs,).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    standard = (scores - scores.mean()) / max(float(scores.std()), 1e-12)
    inputs = tried.shape[1]
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(np.full(inputs, 0.5), (5e-2, 2e1), nu=2.5) + WhiteKernel(0.1, (1e-4, 1e1))
    model = GaussianProcessRegressor(kernel, n_restarts_optimizer=2, random_state=int(random.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound: the input does not matter
        model.fit(tried, standard)
    if len(on_trial):
        fitted = GaussianProcessRegressor(model.kernel_, optimizer=None)
        model = fitted.fit(np.concatenate([tried, on_trial]), np.concatenate([standard, np.zeros(len(on_trial))]))
    near = tried[int(scores.argmax())] + random.normal(0.0, _NEAR_DEVIATION, (_NEAR_COUNT, inputs))
    candidates = np.concatenate([random.random((_CANDIDATES_COUNT, inputs)), np.clip(near, 0.0, 1.0)])
    mean, deviation = model.predict(candidates, return_std=True)
    noise = float(model.kernel_.k2.noise_level)
    without_noise = np.sqrt(np.maximum(deviation**2 - noise, 0.0))
    best = float(model.predict(tried).max())
    return np.asarray(candidates[int(expected_improvement(mean, without_noise, best).argmax())])
