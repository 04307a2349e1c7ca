"""Solves constraints with strengths, changed step by step."""

import kiwisolver

MADE_WITH = "cppy"
DISTRIBUTION = "kiwisolver"


def exercise() -> object:
    left, width, right = (kiwisolver.Variable(name) for name in ("left", "width", "right"))
    solver = kiwisolver.Solver()
    solver.addConstraint((left + width == right) | "required")
    solver.addConstraint((left >= 10) | "strong")
    solver.addConstraint((width == 50) | "weak")
    solver.addEditVariable(right, "medium")
    results = []
    for value in (40, 90, 5):
        solver.suggestValue(right, value)
        solver.updateVariables()
        results.append([variable.value() for variable in (left, width, right)])
    try:
        solver.addConstraint((left + 1 == left) | "required")
    except kiwisolver.UnsatisfiableConstraint as error:
        failure = type(error).__name__
    return results, failure
