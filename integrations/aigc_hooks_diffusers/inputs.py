"""What goes into a pipeline: own labels are taken out of it, and put back on what comes out unchanged."""

from __future__ import annotations

import copy
from typing import Any

from aigc_hooks.artifact import Call
from aigc_hooks.media import is_array, is_picture, is_tensor
from aigc_hooks.provider import Provider
from aigc_hooks.stages import prepare


class Inputs:
    """The arguments of one call, prepared.

    Attributes:
        call: The arguments that the pipeline gets.
        pictures: Whether there are pictures, or arrays that may be such, among them.
    """

    def __init__(self, call: Call, provider: Provider) -> None:
        self.call = call
        self.pictures = False
        self._given: dict[int, tuple[Any, Any]] = {}
        before = [*call.arguments, *call.keywords.values()]
        keywords = list(call.keywords)
        prepare(call, provider)
        self._note(before, [*call.arguments, *(call.keywords.get(name) for name in keywords)])
        # A modular pipeline takes inputs from an earlier state, too.
        self._states: list[Any] = []
        call.arguments[:] = [self._state(value, provider) for value in call.arguments]
        call.keywords.update({name: self._state(value, provider) for name, value in call.keywords.items()})

    def _state(self, value: Any, provider: Provider) -> Any:
        if type(value).__name__ != "PipelineState" or not isinstance(getattr(value, "values", None), dict):
            return value
        # The pipeline makes a deep copy of the state. It gets one that is made here, and takes that for its own: so
        # the pictures in it stay known.
        state = copy.deepcopy(value)
        vars(state)["__deepcopy__"] = lambda memo: state
        self._states.append(state)
        given = dict(state.values)
        inner = Call(self.call.source, [], dict(given), self.call.framework)
        prepare(inner, provider)
        state.values.update(inner.keywords)
        self._note([given[name] for name in given], [inner.keywords.get(name) for name in given])
        return state

    def done(self) -> None:
        """The pipeline has run: a state is an ordinary one again."""
        for state in self._states:
            vars(state).pop("__deepcopy__", None)

    def _note(self, given: Any, prepared: Any) -> None:
        if isinstance(given, (list, tuple)) and isinstance(prepared, (list, tuple)):
            for one, other in zip(given, prepared, strict=False):
                self._note(one, other)
        elif prepared is not None:
            self._given[id(prepared)] = (prepared, given)
            self.pictures |= is_picture(given) or is_array(given) or is_tensor(given)

    def is_given(self, value: Any) -> bool:
        """Whether an output is an input of the call, unchanged."""
        return id(value) in self._given

    def given(self, value: Any) -> Any:
        """The object that the user gave, for one that the pipeline got."""
        return self._given[id(value)][1] if self.is_given(value) else value
