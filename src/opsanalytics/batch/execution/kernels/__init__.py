"""Kernels that start with everything imported: forked from one preloaded process, where the platform has fork."""

from opsanalytics.batch.execution.kernels.forked import (
    MODULES,
    ForkedProcess,
    Preloaded,
    PreloadedGoneError,
    Usage,
    cannot_fork,
)

__all__ = ["MODULES", "ForkedProcess", "Preloaded", "PreloadedGoneError", "Usage", "cannot_fork"]
