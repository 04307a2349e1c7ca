"""Uses subclasses of tensors, of both kinds, through autograd and copies."""

import copy

import torch
from torch.utils._pytree import tree_map

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


class _Named(torch.Tensor):
    @classmethod
    def __torch_function__(
        cls, function: object, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        return super().__torch_function__(function, types, args, kwargs or {})


class _Wrapper(torch.Tensor):
    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "_Wrapper":
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(
        cls, function: object, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        def unwrap(value: object) -> object:
            return value.inner if isinstance(value, _Wrapper) else value

        def wrap(value: object) -> object:
            return _Wrapper(value) if isinstance(value, torch.Tensor) else value

        return tree_map(wrap, function(*tree_map(unwrap, args), **tree_map(unwrap, kwargs or {})))


def exercise() -> object:
    named = torch.arange(3.0).as_subclass(_Named)
    named.tag = "x"
    wrapped = _Wrapper(torch.arange(4.0)).sin() + 1
    return (
        type(named * 2).__name__,
        type(wrapped).__name__,
        wrapped.inner.tolist(),
        copy.copy(named).tag,
        (named.requires_grad_() * 2).sum().item(),
    )
