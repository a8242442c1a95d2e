"""Finds the plugins and calls them: a typed façade over pluggy, which nobody else touches."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import TracebackType
from typing import Any, TypeVar

import pluggy

from aigc_hooks import hookspecs
from aigc_hooks.artifact import Adapter, Artifact, AuditRecord, Call, Carrier, Finding
from aigc_hooks.discovery import DISTRIBUTION, entry_points, excluded
from aigc_hooks.errors import AdapterNotFoundError, ConfigError, LabelError, PluginError
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider

# Built-in plugins come by the same door as others: the same manager, the same hooks. Named, not imported, because they
# live on higher floors and some need Pillow.
BUILTINS = (
    "aigc_hooks.implicit.plugin",
    "aigc_hooks.explicit.plugin",
    "aigc_hooks.saving.plugin",
    "aigc_hooks.security.plugin",
    "aigc_hooks.duties.audit",
)

T = TypeVar("T")

logger = logging.getLogger("aigc_hooks")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin, as ``aigc-hooks plugins`` lists it.

    Attributes:
        name: Its entry-point name, or its module for a built-in one.
        distribution: The distribution that brought it, with its version.
        hooks: The hooks that it implements, sorted.
        problem: Why it was not loaded; empty if it was.
    """

    name: str
    distribution: str
    hooks: tuple[str, ...]
    problem: str = ""


class Hooks:
    """The loaded plugins. Each hook is a method; a failing plugin raises ``LabelError`` with its name and stage."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self.carriers: tuple[Carrier, ...] = ()
        # Who is registered last is asked first: our own come first, so that a third party can stand in for them.
        for name in BUILTINS:
            self._register(importlib.import_module(name), name, DISTRIBUTION)
        for entry_point, distribution in entry_points():
            self._load(entry_point, distribution)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            info = self._infos[self._manager.get_name(error.plugin) or ""]
            raise PluginError(
                f"plugin {info.name!r} of {info.distribution}: {error}; the hooks are {', '.join(_hook_names())}"
            ) from error
        if os.environ.get("AIGC_HOOKS_TRACE", "").lower() not in ("", "0", "false", "no"):
            self._manager.add_hookcall_monitoring(_trace_before, lambda *_: None)

    def _load(self, entry_point: EntryPoint, distribution: str) -> None:
        """Loads one third-party plugin; one that is broken is skipped loudly, not fatally."""
        key = name = entry_point.name
        problem = excluded(name, distribution)
        if not problem:
            try:
                if taken := self._infos.get(name):
                    key = f"{name} of {distribution}"
                    raise PluginError(f"its name is taken by a plugin of {taken.distribution}")
                self._register(entry_point.load(), name, distribution)
            except (Exception, SystemExit) as error:
                problem = f"{type(error).__name__}: {error}"
                warnings.warn(
                    f"plugin {name!r} of {distribution} was skipped: {problem}. Fix or uninstall it, or set "
                    f"AIGC_HOOKS_BLOCK_PLUGINS={name}",
                    stacklevel=2,
                )
        if problem:
            self._infos.setdefault(key, PluginInfo(name, distribution, (), problem))

    def _register(self, plugin: object, name: str, distribution: str) -> None:
        self._check(plugin)
        try:
            self._manager.register(plugin, name)
            self.carriers = (*self._carriers_of(plugin), *self.carriers)
        except Exception:
            # pluggy keeps the hooks that it has registered before the one that it refuses.
            if self._manager.get_plugin(name) is plugin:
                self._manager.unregister(plugin)
            raise
        callers = self._manager.get_hookcallers(plugin) or []
        self._infos[name] = PluginInfo(name, distribution, tuple(sorted(caller.name for caller in callers)))

    def _check(self, plugin: object) -> None:
        """Refuses what pluggy would take, and never run to its end."""
        hash(plugin)  # pluggy keeps plugins in sets
        for name in _hook_names():
            function = getattr(plugin, name, None)
            if function is None:
                continue
            options = self._manager.parse_hookimpl_opts(plugin, name)
            if options is None:
                raise PluginError(f"{name} is not marked with @aigc_hooks.hookimpl, and would never be called")
            if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
                raise PluginError(f"{name} is async; hooks are synchronous")
            wrapper = options.get("wrapper") or options.get("hookwrapper")
            if inspect.isgeneratorfunction(function) and not wrapper and name not in _ITERABLE:
                raise PluginError(
                    f"{name} is a generator, which nobody would run; only {' and '.join(_ITERABLE)} may be"
                )

    def _carriers_of(self, plugin: object) -> Iterator[Carrier]:
        # Asked plugin by plugin, so that a broken one is skipped alone.
        for implementation in self._manager.hook.aigc_carriers.get_hookimpls():
            if implementation.plugin is plugin:
                yield from _all(Carrier)(implementation.function() or ())

    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every plugin found, loaded or not."""
        return tuple(self._infos.values())

    def require(self, names: tuple[str, ...]) -> None:
        """Raises ``PluginError`` unless every plugin named is loaded."""
        for name in names:
            info = self._infos.get(name)
            if info is None or info.problem:
                reason = info.problem if info else "no installed distribution brings it"
                raise PluginError(f"required plugin {name!r} is not loaded: {reason}; nothing is labelled without it")

    def adapter(self, cls: type) -> Adapter | None:
        """The adapter that knows a class, or None.

        Raises:
            PluginError: A plugin failed when it was asked.
        """
        try:
            return self._call("adapter", _one(Adapter), cls=cls)
        except LabelError as error:
            by = f" of plugin {error.plugin!r}" if error.plugin else ""
            raise PluginError(f"aigc_adapter{by} failed, asked for {cls.__qualname__}: {error.__cause__}") from error

    def prepare(self, call: Call, provider: Provider) -> None:
        """Lets every plugin change the arguments of a generation."""
        self._call("prepare", _ignore, call=call, provider=provider)

    @property
    def reviews(self) -> bool:
        """Whether a plugin reviews what goes in and out."""
        return bool(self._manager.hook.aigc_review.get_hookimpls())

    def review(self, call: Call | None, artifact: Artifact | None, provider: Provider) -> str | None:
        """Why the first plugin that objects refuses an input or an output, or None."""
        return self._call("review", _one(str), call=call, artifact=artifact, provider=provider)

    def detect(self, artifact: Artifact, provider: Provider) -> list[Finding]:
        """Everything that is already there."""
        return self._call("detect", _flat, artifact=artifact, provider=provider)

    def make_label(self, artifact: Artifact, provider: Provider) -> Label | None:
        """The label of the first plugin that makes one."""
        return self._call("make_label", _one(Label), artifact=artifact, provider=provider)

    def render_explicit(self, artifact: Artifact, label: Label, provider: Provider) -> bool:
        """Whether a plugin put the explicit label into the content."""
        return bool(self._call("render_explicit", _one(bool), artifact=artifact, label=label, provider=provider))

    def embed_watermark(self, artifact: Artifact, label: Label, provider: Provider) -> None:
        """Lets every plugin embed its watermark."""
        self._call("embed_watermark", _ignore, artifact=artifact, label=label, provider=provider)

    def write_metadata(self, artifact: Artifact, label: Label, provider: Provider) -> None:
        """Lets every plugin attach the implicit label."""
        self._call("write_metadata", _ignore, artifact=artifact, label=label, provider=provider)

    def sign(self, artifact: Artifact, label: Label, provider: Provider) -> bool:
        """Whether a plugin signed the content."""
        return bool(self._call("sign", _one(bool), artifact=artifact, label=label, provider=provider))

    def audit(self, record: AuditRecord, provider: Provider) -> None:
        """Hands a record to every sink; where audit is best effort, also to those behind one that fails."""
        if provider.audit == "required":
            self._call("audit", _ignore, record=record, provider=provider)
            return
        sinks = [implementation.plugin for implementation in self._manager.hook.aigc_audit.get_hookimpls()]
        for sink in reversed(sinks):
            others = [plugin for plugin in sinks if plugin is not sink]
            try:
                caller = self._manager.subset_hook_caller("aigc_audit", others)
                self._run("audit", caller, _ignore, record=record, provider=provider)
            except LabelError as error:
                logger.warning('audit sink failed (audit = "best-effort"): %s', error)

    def _call(self, stage: str, take: Callable[[Any], T], **arguments: Any) -> T:
        return self._run(stage, getattr(self._manager.hook, f"aigc_{stage}"), take, **arguments)

    def _run(self, stage: str, hook: pluggy.HookCaller, take: Callable[[Any], T], **arguments: Any) -> T:
        try:
            return take(hook(**arguments))
        except LabelError as error:
            error.stage = error.stage or stage
            error.plugin = error.plugin or _culprit(hook, error.__traceback__)
            raise
        except (AdapterNotFoundError, ConfigError):
            # What is wrong is not the plugin but the object or a setting, and it says how to mend that.
            raise
        except Exception as error:
            plugin = _culprit(hook, error.__traceback__)
            by = f" of plugin {plugin!r}" if plugin else ""
            raise LabelError(
                f"stage {stage}{by} failed, and nothing was released: {str(error) or type(error).__name__}"
                f"{_missing(error, arguments.get('artifact'))}",
                stage=stage,
                plugin=plugin,
            ) from error


def _missing(error: Exception, artifact: Artifact | None) -> str:
    """How to install what an error says is missing, where one of this library's extras brings it."""
    if not isinstance(error, ModuleNotFoundError) or error.name not in ("av", "mutagen", "numpy", "soundfile"):
        return ""
    extra = "video" if artifact is not None and artifact.modality == "video" else "audio"
    return f": pip install '{DISTRIBUTION}[{extra}]'"


# Hooks that may be generators: what they yield is read.
_ITERABLE = ("aigc_carriers", "aigc_detect")


# What a hook may return. "Not mine" is None; a truthy answer of another kind, such as a string or a coroutine, must not
# pass for "done".


def _one(kind: type[T]) -> Callable[[Any], T | None]:
    def take(result: Any) -> T | None:
        if result is None or isinstance(result, kind):
            return result
        raise TypeError(
            f"an implementation returned {type(result).__name__} {result!r}, and not {kind.__name__} or None"
        )

    return take


def _all(kind: type[T]) -> Callable[[Any], list[T]]:
    def take(results: Any) -> list[T]:
        found = list(results)
        for result in found:
            if not isinstance(result, kind):
                raise TypeError(
                    f"an implementation returned {type(result).__name__} {result!r} among its {kind.__name__}s"
                )
        return found

    return take


def _flat(results: Any) -> list[Finding]:
    return [finding for findings in results for finding in _all(Finding)(findings)]


def _ignore(results: Any) -> None:
    """Takes the results of hooks that have none."""


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("aigc_")]


def _culprit(hook: pluggy.HookCaller, traceback: TracebackType | None) -> str:
    """Name of the plugin whose implementation the traceback passes through: pluggy does not tell."""
    owners = {
        getattr(implementation.function, "__code__", None): implementation.plugin_name
        for implementation in hook.get_hookimpls()
    }
    while traceback is not None:
        if traceback.tb_frame.f_code in owners:
            return owners[traceback.tb_frame.f_code]
        traceback = traceback.tb_next
    return ""


def _trace_before(hook_name: str, implementations: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]) -> None:
    # Who was registered last is called first.
    callees = ", ".join(implementation.plugin_name for implementation in reversed(implementations)) or "nobody"
    shown = ", ".join(f"{name}={type(value).__name__}" for name, value in arguments.items())
    sys.stderr.write(f"aigc_hooks: {hook_name}({shown}) -> {callees}\n")


_lock = ForkSafeLock(threading.RLock)
_hooks: Hooks | None = None


def hooks(provider: Provider | None = None) -> Hooks:
    """The plugins, loaded on first use.

    Args:
        provider: Whose ``required_plugins`` must be there.

    Raises:
        PluginError: A required plugin is missing or broken, or a plugin implements a hook that does not exist.
    """
    loaded = _hooks or _load()
    if provider is not None:
        loaded.require(provider.required_plugins)
    return loaded


def _load() -> Hooks:
    global _hooks
    # Two threads that come first must not build two managers. Later calls take no lock: a fork may happen at any time.
    with _lock:
        if _hooks is None:
            _hooks = Hooks()
        return _hooks


def reload() -> None:
    """Forgets the plugins, so that the next call finds them anew: after an installation in a running session."""
    global _hooks
    with _lock:
        _hooks = None
