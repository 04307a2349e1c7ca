"""Filters, finds edges and contours, warps and codes pictures."""

import hashlib

import cv2
import numpy as np

MADE_WITH = "its own generator"
DISTRIBUTION = "opencv-python-headless"


def exercise() -> object:
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (80, 60), 40, (0, 200, 255), -1)
    cv2.putText(image, "sesha", (10, 110), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
    edges = cv2.Canny(cv2.GaussianBlur(image, (5, 5), 0), 50, 150)
    contours, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    turned = cv2.warpAffine(image, cv2.getRotationMatrix2D((80, 60), 30, 1.2), (160, 120))
    good, coded = cv2.imencode(".png", turned)
    return {
        "contours": len(contours),
        "edges": int(edges.sum()),
        "turned": hashlib.sha256(turned.tobytes()).hexdigest(),
        "coded": good and bool((cv2.imdecode(coded, cv2.IMREAD_COLOR) == turned).all()),
        "error": _error(),
    }


def _error() -> str:
    try:
        cv2.resize(np.zeros((0, 0, 3), np.uint8), (10, 10))
    except cv2.error as error:
        return type(error).__name__
    return "none"
