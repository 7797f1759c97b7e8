"""Gradient and Hessian for scipy.optimize: ridge logistic regression, on data of scikit-learn.

    f(w) = sum_i log(1 + exp(-y_i a_i'w)) + r/2 w'w      (y_i: -1 or 1, a_i: features of one case)

is a sum over the cases i, so w is given to blockhess once a case and the results are added up.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

import blockhess.numpy as bn

RIDGE = 1.0


def data() -> tuple[np.ndarray, np.ndarray]:
    features, classes = load_breast_cancer(return_X_y=True)
    return (features - features.mean(0)) / features.std(0), 2.0 * classes - 1.0


def fit(features: np.ndarray, y: np.ndarray, method: str) -> OptimizeResult:
    loss = [
        bn.Term(b=y[:, None] * features, link="softplus(-s)"),
        bn.Term("r / 2 * x**2", parameters={"r": RIDGE / len(y)}),
    ]

    def at(w: np.ndarray) -> bn.ValueGradHessian:
        by_case = bn.value_grad_hessian(loss, np.broadcast_to(w, features.shape))
        return bn.ValueGradHessian(*(part.sum(0) for part in by_case))

    return minimize(
        lambda w: at(w).value,
        np.zeros(features.shape[1]),
        jac=lambda w: at(w).gradient,
        hess=(lambda w: at(w).hessian) if method in ("Newton-CG", "trust-exact") else None,
        method=method,
    )


def main() -> None:
    features, y = data()
    model = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10, max_iter=10_000)
    w = model.fit(features, y).coef_[0]
    for method in ("BFGS", "Newton-CG", "trust-exact"):
        found = fit(features, y, method)
        distance = np.abs(found.x - w).max()
        print(f"{method}: {found.nit} iterations, within {distance:.0e} of scikit-learn's weights")


if __name__ == "__main__":
    main()
