"""Fits a forest, a logistic regression, clusters and neighbours."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

MADE_WITH = "Cython"
DISTRIBUTION = "scikit-learn"


def exercise() -> object:
    features, classes = make_classification(300, 10, random_state=5)
    models = [
        RandomForestClassifier(10, random_state=1, n_jobs=2),
        HistGradientBoostingClassifier(max_iter=5, random_state=1),
        LogisticRegression(),
        KNeighborsClassifier(),
        SVC(random_state=1),
    ]
    predictions = [model.fit(features, classes).predict(features).tolist() for model in models]
    clusters = KMeans(3, n_init=2, random_state=2).fit(features)
    return predictions, np.sort(np.bincount(clusters.labels_)).tolist()
