"""Teacher and student with i.i.d. uniform inputs, `[data] kind = "teacher"`."""

from typing import Literal

from pydantic import Field, model_validator

from binland.data import Patterns, Teacher
from binland.problems.sizes import PatternSettings, SignProblem, n_patterns
from binland.sweep.contracts.problem import SeedFor
from binland.sweep.contracts.section import Positive


class TeacherSettings(PatternSettings):
    """[data] kind = "teacher"; one of n_patterns and alpha must be given."""

    n_inputs: Positive = Field(title="N", description="number of inputs N")
    n_test: Positive = Field(10_000, title="P test", description="number of test patterns")
    teacher_kind: Literal["binary", "gaussian"] = Field("binary", description="weights of the teacher")

    @model_validator(mode="after")
    def _one_number(self) -> "TeacherSettings":
        return n_patterns(self, None)


class TeacherStudent(SignProblem[TeacherSettings]):
    """The teacher-student problem; a teacher is drawn for each disorder sample."""

    name = "teacher"
    Settings = TeacherSettings

    def train(self, settings: TeacherSettings, seed: SeedFor) -> Patterns:
        """P patterns with the labels of the disorder sample's teacher."""
        return _teacher(settings, seed).sample(settings.n_patterns or 1, seed("train"))

    def test(self, settings: TeacherSettings, seed: SeedFor) -> Patterns:
        """Other patterns of the same teacher."""
        return _teacher(settings, seed).sample(settings.n_test, seed("test"))

    def check_ready(self, settings: TeacherSettings) -> None:
        """Raise InvalidInputError if the patterns do not fit into memory."""
        Teacher.check_room(settings.n_inputs, (settings.n_patterns or 0) + settings.n_test)


def _teacher(settings: TeacherSettings, seed: SeedFor) -> Teacher:
    return Teacher(settings.n_inputs, seed("teacher"), settings.teacher_kind)


TEACHER = TeacherStudent()
