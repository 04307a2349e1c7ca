"""Models of tables: scikit-learn, xgboost, LightGBM, tabular transformers."""

from __future__ import annotations

import torch

from tests.models.entry import Made, entry, floats, table


@entry("scaling and logistic regression", "scikit-learn")
def logistic() -> Made:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, classes = table()
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(features, classes), (features,)


@entry("random forest", "scikit-learn")
def forest() -> Made:
    from sklearn.ensemble import RandomForestClassifier

    features, classes = table()
    model = RandomForestClassifier(n_estimators=8, random_state=0)
    return model.fit(features, classes), (features,)


@entry("words and a linear machine", "scikit-learn")
def words() -> Made:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    texts = ["good film", "bad film", "good book", "bad book, very bad", "fine", "poor"]
    return make_pipeline(TfidfVectorizer(), LinearSVC()).fit(texts, [1, 0, 1, 0, 1, 0]), (texts,)


@entry("principal components and neighbours", "scikit-learn")
def neighbours() -> Made:
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    features, classes = table()
    return make_pipeline(PCA(3), KNeighborsClassifier(3)).fit(features, classes), (features,)


@entry("a pipeline with boosted trees", "xgboost")
def xgboost() -> Made:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler
    from xgboost import XGBClassifier

    features, classes = table()
    model = make_pipeline(MinMaxScaler(), XGBClassifier(n_estimators=5, n_jobs=1))
    return model.fit(features, classes), (features,)


@entry("boosted trees", "lightgbm")
def lightgbm() -> Made:
    from lightgbm import LGBMRegressor

    features, classes = table()
    model = LGBMRegressor(n_estimators=5, n_jobs=1, verbose=-1)
    return model.fit(features, classes), (features,)


# Kernels round its few numbers by where in memory they lie.
@entry("TabTransformer", "tab-transformer-pytorch", tolerance="1e-6")
def tab_transformer() -> Made:
    from tab_transformer_pytorch import TabTransformer

    model = TabTransformer(
        categories=(10, 5),
        num_continuous=4,
        dim=16,
        dim_out=1,
        depth=2,
        heads=2,
        mlp_act=torch.nn.ReLU(),
    )
    return model.eval(), (torch.tensor([[3, 1], [9, 4]]), floats(2, 4))
