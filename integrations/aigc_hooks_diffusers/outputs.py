"""What comes out of a pipeline: pictures, films, texts, sound and meshes are labelled, latents pass; the rest stays."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, cast

from aigc_hooks.contents import beside_film, labelled, labelled_films
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.media import NO_PICTURE, channel_axis, films_in, is_array, is_mesh, is_picture, is_samples, is_tensor
from aigc_hooks.provider import Provider
from aigc_hooks.speech import labelled_sound
from aigc_hooks.stages import forgive, passed
from aigc_hooks_diffusers.inputs import Inputs
from aigc_hooks_diffusers.names import (
    DERIVED,
    MAPS,
    MESHES,
    PASSING,
    PICTURES,
    SOUND,
    TEXTS,
    VIDEO,
    Words,
    fields_of,
    names_of,
    words_of,
)
from aigc_hooks_diffusers.sharing import is_of, models_of, speaking_rate

logger = logging.getLogger("aigc_hooks.diffusers")

# Arguments that say how many frames a second a pipeline makes.
_RATES = ("fps", "frame_rate", "target_fps")

_LEAST_SIDE = 16
"""An array of an unknown name with a shorter side than this is taken for numbers, not for a picture."""

_noted: set[tuple[str, str]] = set()


class Release:
    """What one call of a pipeline returned, on its way out."""

    def __init__(self, pipeline: Any, call: Callable[..., Any], inputs: Inputs, provider: Provider) -> None:
        self.pipeline = pipeline
        self.inputs = inputs
        self.provider = provider
        self.source = inputs.call.source
        arguments = _bound(call, pipeline, inputs)
        self.latent = arguments.get("output_type") == "latent"
        self.names = names_of(cast(Hashable, type(pipeline)))
        self.fps = next((rate for name in _RATES if _is_rate(rate := arguments.get(name))), None)
        # What a pipeline or an output of such a name calls images are the frames of one film.
        self.filming = "video" in words_of(type(pipeline).__name__)
        # One that renders a scene shows it from all sides: of each one film.
        self.turning = any("renderer" in words_of(name) for name in vars(pipeline))
        self.film = False
        # A modular pipeline was asked for some of its values by name.
        self.asked = arguments.get("output")
        self.modular = _is_a(pipeline, "ModularPipeline")
        self.labelled = False
        self.unknown: list[str] = []

    def release(self, output: Any) -> Any:
        """Labels every picture in an output of any form, and returns it in that form.

        Raises:
            LabelError: It could not be labelled; nothing is released.
        """
        self.film = self.has_film(output)
        self.filming |= "video" in words_of(type(output).__name__)
        if _is_a(output, "PipelineState"):
            self.state(output.values)
        elif self.modular and isinstance(self.asked, str):
            output = self.asked_for(self.asked, output)
        elif self.modular and isinstance(output, dict):
            output.update({name: self.asked_for(name, value) for name, value in output.items()})
        else:
            output = self.whole(output)
        if self.unknown and not self.labelled and not self.latent:
            self.refuse(", ".join(self.unknown), "nothing in it is known as a picture")
        return output

    def has_film(self, output: Any) -> bool:
        """Whether an output holds a film beside what else it holds."""
        if _is_a(output, "PipelineState"):
            output = output.values
        if isinstance(output, tuple) and not hasattr(output, "_fields"):
            fields = list(zip(self.names, output, strict=False))
        elif isinstance(output, Mapping):
            fields = [(str(name), output[name]) for name in output]
        else:
            fields = [(name, getattr(output, name)) for name in getattr(output, "_fields", fields_of(type(output), ""))]
        return any(words_of(name) & VIDEO and films_in(value) for name, value in fields)

    def state(self, values: dict[str, Any]) -> None:
        """A state holds inputs and intermediates as well: of those only PIL images could be pictures to look at."""
        declared = self.declared()
        for name in list(values):
            if name in declared or any(_pictures(values[name])):
                values[name] = self.asked_for(name, values[name])

    def asked_for(self, name: str, value: Any) -> Any:
        """One value of a modular pipeline's state."""
        words = words_of(name)
        named = MESHES | SOUND | VIDEO
        if words & named and words[-1] not in named and not any(_pictures(value)):
            return value  # such as audio_scheduler
        if words & DERIVED and self.inputs.pictures and not self.inputs.is_given(value):
            self.passed(name)
            return value
        return self.field(name, value)

    def declared(self) -> set[str]:
        """The names of the values that the blocks of a modular pipeline say they make."""
        blocks = self.pipeline.blocks
        return {output.name for output in [*blocks.outputs, *blocks.intermediate_outputs]}

    def whole(self, output: Any) -> Any:
        """An output that is a record, a mapping, a tuple, or a bare value."""
        if is_mesh(output):
            return self.label(output)
        if isinstance(output, Mapping) or dataclasses.is_dataclass(output) or hasattr(output, "_fields"):
            return self.record(output)
        if isinstance(output, tuple):
            names = iter(self.names)
            return self.row(output, names)
        return self.field("images", output)

    def record(self, record: Any) -> Any:
        """An output that names its fields; changed in place where it can be."""
        if hasattr(record, "_fields"):
            return type(record)(*map(self.field, record._fields, record))
        if not isinstance(record, Mapping):
            names = [field.name for field in dataclasses.fields(record)]
            changed = {name: self.field(name, getattr(record, name)) for name in names}
            for name in names:
                if changed[name] is not getattr(record, name):
                    object.__setattr__(record, name, changed[name])
            return record
        for name in list(record):
            value = self.field(str(name), record[name])
            if value is not record[name]:
                if _is_a(record, "BaseOutput"):
                    setattr(record, name, value)  # keeps its three views the same
                else:
                    record[name] = value  # type: ignore[index]
        return record

    def row(self, row: tuple[Any, ...], names: Iterator[str]) -> tuple[Any, ...]:
        """The tuple of ``return_dict=False``; tuples in it, as LDM3D's (rgb, depth), go on in the row of the names."""
        items = tuple(
            self.row(item, names) if type(item) is tuple else self.field(next(names, ""), item) for item in row
        )
        return row if all(one is other for one, other in zip(items, row, strict=True)) else items

    def field(self, name: str, value: Any) -> Any:
        """One field, whatever it holds."""
        if value is None or isinstance(value, (bool, int, float, complex)):
            return value
        given = self.inputs.given(value)
        if given is not value or (self.modular and self.inputs.is_given(value)):
            # Unchanged, so not generated now. It goes back as it was given: with the label that was taken off.
            return given
        words = words_of(name)
        passing = bool(words & PASSING)
        if words & SOUND and not passing and is_samples(value) and not (self.latent and is_tensor(value)):
            return self.sound(name, value)
        if words & VIDEO and not passing and not (self.latent and is_tensor(value)):
            return self.frames(name, value)
        filming = self.filming or (self.turning and _is_nested(value))
        if filming and words & PICTURES and not passing and not self.latent and films_in(value):
            return self.frames(name, value)
        if is_mesh(value):
            return self.label(value)
        if isinstance(value, (Mapping, list, tuple)) or dataclasses.is_dataclass(value):
            return self.held(name, value)
        if words & MESHES and not passing and not (self.latent and is_tensor(value)):
            self.refuse(name, "3-D content is labelled as an object with verts and faces, and this is none")
            return value
        if words & SOUND and not passing and not is_tensor(value):
            self.refuse(name, f"{_kind(value)} is not known as sound")
            return value
        if is_picture(value):
            return value if words & MAPS else self.label(value)
        if is_array(value) or is_tensor(value):
            return self.array(name, words, value)
        if isinstance(value, str):
            if words & TEXTS and not passing:
                return self.label(value)
            if words & PICTURES:
                self.refuse(name, "a text is no picture")
        elif words & PICTURES:
            self.refuse(name, f"{_kind(value)} is no picture: such content cannot be labelled by this version")
        elif not passing and not self.modular:
            self.unknown.append(f"{name or 'a value'} ({_kind(value)})")
        return value

    def held(self, name: str, value: Any) -> Any:
        """A field that holds more of them, each labelled as what it is."""
        if isinstance(value, Mapping) or dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
            return self.record(value)
        items = [self.field(name, item) for item in value]
        if all(one is other for one, other in zip(items, value, strict=True)):
            return value
        if isinstance(value, list):
            value[:] = items
            return value
        return type(value)(items)

    def array(self, name: str, words: Words, value: Any) -> Any:
        """An array or tensor: pixels, latents, or numbers that say something."""
        if words & (PASSING | MAPS) or (self.latent and is_tensor(value) and self.decodes()):
            self.passed(name)
            return value
        known = bool(words & PICTURES)
        axis = channel_axis(value)
        if axis != NO_PICTURE and (known or (axis is not None and _looks_like_pixels(value, axis))):
            return self.label(value)
        if known or value.ndim >= 5:
            if films := films_in(value) if value.ndim == 5 else []:
                axis = channel_axis(films[0])
                known = axis != NO_PICTURE and (known or (axis is not None and _looks_like_pixels(films[0], axis)))
            if films and known:
                return self.frames(name, value)
            kind = "video or 3-D content" if value.ndim >= 4 else "audio or other content"
            self.refuse(name, f"{_kind(value)} is no picture: {kind} cannot be labelled by this version")
        elif value.ndim >= 2 and "int" not in str(value.dtype) and "bool" not in str(value.dtype) and not self.modular:
            self.unknown.append(f"{name or 'a value'} ({_kind(value)})")
        self.passed(name)
        return value

    def label(self, value: Any) -> Any:
        """A picture, an array, a tensor, a text or a mesh gets its label."""
        self.labelled = True
        return labelled(value, self.provider, self.source)

    def frames(self, name: str, value: Any) -> Any:
        """The frames of films, at the rate that the call names."""
        films = films_in(value)
        if not films or not all(map(len, films)):
            self.refuse(name, f"{_kind(value)} is not known as video")
            return value
        self.labelled = True
        return labelled_films(value, self.provider, self.source, self.fps)

    def sound(self, name: str, value: Any) -> Any:
        """Samples get their label at the rate at which the pipeline's models speak."""
        rate = speaking_rate(self.pipeline)
        if rate is None:
            self.refuse(name, "nothing tells the rate of this sound, and a label is sound of the same rate")
            return value
        self.labelled = True
        provider = beside_film(value, rate, self.provider, self.source, name) if self.film else self.provider
        if provider is None:
            return value
        return labelled_sound(value, provider, self.source, rate)

    def decodes(self) -> bool:
        """Whether the pipeline has a decoder. One that works on pixels has no latents, whatever it is asked for."""
        return self.modular or any(hasattr(model, "decode") for model in models_of(self.pipeline))

    def refuse(self, name: str, why: str) -> None:
        """Stops the output from leaving, or lets it go unlabelled with a warning where the settings say so."""
        error = UnsupportedOutputError(
            f"{self.source} returned {name or 'a value'!r}: {why}, and so it is not released. unwrap() the pipeline "
            "and label its output by other means",
            stage="detect",
        )
        forgive(error, self.provider, source=self.source)

    def passed(self, name: str) -> None:
        """Notes that something left unlabelled because it is no content; logged once per field."""
        if (self.source, name) not in _noted:
            _noted.add((self.source, name))
            logger.info("%s: %s passes unlabelled: latents and embeddings are no content", self.source, name)
        passed(self.source, self.provider, f"{name}: no content")


def _bound(call: Callable[..., Any], pipeline: Any, inputs: Inputs) -> dict[str, Any]:
    """The arguments of a call by name, with defaults."""
    try:
        bound = inspect.signature(call).bind_partial(pipeline, *inputs.call.arguments, **inputs.call.keywords)
    except (TypeError, ValueError):  # the signature does not tell: a decorator hides it
        return inputs.call.keywords
    bound.apply_defaults()
    return {**bound.arguments, **inputs.call.keywords}


def _is_a(value: object, name: str) -> bool:
    return any(parent.__name__ == name and is_of(parent, "diffusers") for parent in type(value).__mro__)


def _kind(value: Any) -> str:
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return f"{type(value).__name__}{shape}"


def _pictures(value: Any) -> Iterator[bool]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _pictures(item)
    elif is_picture(value):
        yield True


def _is_nested(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, (list, tuple)) for item in value)


def _looks_like_pixels(value: Any, axis: int) -> bool:
    """Whether an array of an unknown name is pictures: three channels, and sides that are not a handful of numbers."""
    shape = list(value.shape)
    sides = shape[-3:-1] if axis == -1 else shape[-2:]
    return bool(shape[axis] == 3 and min(sides) >= _LEAST_SIDE)


def _is_rate(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1000
