"""What problems with +-1 inputs share: number of patterns P, given as it is or as alpha = P / N."""

from typing import Any, TypeVar

from pydantic import Field

from binland.sweep.contracts.problem import Inputs, Limit, Problem
from binland.sweep.contracts.section import Positive, Section

LARGEST_DATA = 10**11  # entries of the train or test inputs, a byte each
S = TypeVar("S", bound=Section)


class PatternSettings(Section):
    """The number of patterns: P, or P / N instead."""

    n_patterns: Positive | None = Field(None, title="P", description="number of patterns P")
    alpha: float | None = Field(None, gt=0, le=1e6, title="P / N", description="constraint density P / N")

    def plain(self) -> dict[str, Any]:
        """The settings as plain data, without P if it follows from alpha."""
        left_out = {"n_patterns"} if self.alpha is not None else set()
        return self.model_dump(exclude=left_out)


def n_patterns(settings: S, default: int | None) -> S:
    """Settings with P filled in from alpha = P / N, if that is given (at least one pattern)."""
    alpha, count, n = (getattr(settings, name) for name in ("alpha", "n_patterns", "n_inputs"))
    if alpha is not None and count is not None and count != max(1, round(alpha * n)):
        raise ValueError(f"alpha = {alpha} and n_patterns = {count} are two ways to say one thing; give one of them")
    if count is None and alpha is None and default is None:
        raise ValueError("n_patterns is missing; give it, or alpha for the constraint density P / N")
    if count is None:
        object.__setattr__(settings, "n_patterns", default if alpha is None else max(1, round(alpha * n)))
    return settings


class SignProblem(Problem[S]):
    """Base of problems with settings n_inputs, n_patterns and n_test."""

    def inputs(self, settings: Any) -> Inputs:
        """N inputs of -1 or +1, labels of -1 or +1."""
        return Inputs((settings.n_inputs,))

    def key(self, settings: Any) -> dict[str, Any]:
        """All settings except the number of test patterns; P in one form only."""
        return {"kind": self.name, **settings.model_dump(exclude={"n_test", "alpha"})}

    def test_key(self, settings: Any) -> dict[str, Any]:
        """Number of test patterns."""
        return {"n_test": settings.n_test}

    def coordinates(self, settings: Any) -> dict[str, tuple[float, str]]:
        """P / N, to plot against."""
        return {"constraint_density": (settings.n_patterns / settings.n_inputs, "P / N")}

    def limits(self, settings: Any) -> list[Limit]:
        """Number of inputs."""
        inputs = settings.n_inputs * max(settings.n_patterns, settings.n_test)
        return [(inputs, "inputs", "grid and data", LARGEST_DATA)]

    def summary(self, settings: Any) -> str:
        """The problem in words, with P or P / N."""
        size = f"P = {settings.n_patterns}" if settings.alpha is None else f"P / N = {settings.alpha:g}"
        return f"{self.name}, {size}"
