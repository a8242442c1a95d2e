"""A framework of many habits: each class does one thing that makes wrapping hard."""

from __future__ import annotations

import abc
import copy
import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar, Generic, TypeVar

import pydantic

T = TypeVar("T")


class Drawer:
    """Draws."""

    def __init__(self, name: str = "pen") -> None:
        self.name = name
        self.parts = {"colours": ["red"]}

    def draw(self, what: str = "a cat", *, times: int = 1) -> str:
        """Draws something."""
        return f"{what} x{times} by {self.name}"

    def to(self, device: str) -> Drawer:
        """Returns itself, as pipelines do."""
        return self


class Slotted(Drawer):
    """Has slots, and a dictionary from its base."""

    __slots__ = ("ink",)

    def __init__(self, name: str = "quill") -> None:
        super().__init__(name)
        self.ink = "black"


class RootedDrawer(abc.ABC):
    """The abstract root that some frameworks have."""

    @abc.abstractmethod
    def draw(self, what: str = "a cat") -> str: ...


class Rooted(RootedDrawer, Drawer):
    """Has an abstract root: a second base would make the layouts differ."""

    def __init__(self) -> None:
        Drawer.__init__(self, "root")

    def draw(self, what: str = "a cat") -> str:
        return f"{what} by {self.name}"


class Unsettable(Drawer):
    """Keeps its own books of what is set on it."""

    def __init__(self) -> None:
        object.__setattr__(self, "books", [])
        super().__init__("clerk")

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            raise AttributeError(f"{name} cannot be set")
        self.books.append(name)
        object.__setattr__(self, name, value)


class Registry(type):
    """A metaclass with books of its own."""

    made: ClassVar[list[str]] = []

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Registry:
        mcs.made.append(name)
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__call__(*args, **kwargs)
        instance.built_by = cls.__name__
        return instance


class Registered(Drawer, metaclass=Registry):
    """Is built by a metaclass."""


class Reduced(Drawer):
    """Says by itself how it is pickled, and names its class twice."""

    def __reduce__(self) -> Any:
        return type(self), (self.name,), {"restored_as": self.name}


class ReducedByFunction(Drawer):
    """Is built by a function that gets the class."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return rebuild, (type(self), self.name)


def rebuild(cls: type[Drawer], name: str) -> Drawer:
    return cls(name)


class Stateful(Drawer):
    """Chooses its state."""

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name + "'s copy"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, parts={})


class Copying(Drawer):
    """Copies itself, and names its class when it does."""

    def __copy__(self) -> Copying:
        return Copying(self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Copying:
        made = Copying(self.name)
        made.parts = copy.deepcopy(self.parts, memo)
        return made


class Single(Drawer):
    """Is pickled by the name of the only one there is."""

    def __reduce__(self) -> str:
        return "SINGLE"


SINGLE = Single()


class Boxed(Drawer, Generic[T]):
    """Is generic."""


class ListDrawer(Drawer, list):  # type: ignore[type-arg]
    """Is a container."""


@dataclasses.dataclass(frozen=True)
class FrozenDrawer(Drawer):
    """Is frozen."""

    name: str = "ice"


class Model(pydantic.BaseModel):
    """The root of a pydantic framework."""


class ModelDrawer(Model):
    """Draws, and checks what is set on it."""

    name: str = "model"
    _private: int = 1

    def draw(self, what: str = "a cat") -> str:
        return f"{what} by {self.name}"


class CompactDrawer:
    """Has slots only."""

    __slots__ = ("__weakref__", "name")

    def __init__(self, name: str = "compact") -> None:
        self.name = name

    def draw(self, what: str = "a cat") -> str:
        return f"{what} by {self.name}"


class Caller:
    """Is called."""

    def __call__(self, what: str = "a cat") -> str:
        return what


class CallerWithoutCall:
    """Lost its ``__call__`` in a new version of the framework."""


class Talker:
    """Has seams of every kind."""

    def draw(self, what: str = "a cat") -> str:
        return what

    async def adraw(self, what: str = "a cat") -> str:
        return what

    def stream(self, what: str = "a cat") -> Iterator[str]:
        yield from what.split()

    async def astream(self, what: str = "a cat") -> AsyncIterator[str]:
        for part in what.split():
            yield part


class Maker:
    """Makes without an instance."""

    @classmethod
    def made(cls, what: str = "a cat") -> str:
        return f"{what} by {cls.__name__}"

    @staticmethod
    def drawn(what: str = "a cat") -> str:
        return what


class MakerOfConstants(Maker):
    """Turned a method into a constant in a new version of the framework."""

    made = "a cat"  # type: ignore[assignment]


class FinalDrawer(Drawer):
    """Allows no subclass."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        raise TypeError("FinalDrawer is final")


def draw(drawer: Drawer) -> str:
    """What a worker process does."""
    return drawer.draw()
