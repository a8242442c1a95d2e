"""Finds the plugins and calls them: a typed façade over pluggy, which nobody else touches."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions
from types import TracebackType
from typing import Any

import pluggy

from aigc_hooks import hookspecs
from aigc_hooks.artifact import Adapter, Artifact, AuditRecord, Call, Carrier, Finding
from aigc_hooks.errors import LabelError, PluginError
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider

# Built-in plugins come by the same door as others: the same manager, the same hooks. Named, not imported, because they
# live on higher floors and some need Pillow.
BUILTINS = (
    "aigc_hooks.implicit.plugin",
    "aigc_hooks.explicit.plugin",
    "aigc_hooks.saving.plugin",
    "aigc_hooks.duties.audit",
)
DISTRIBUTION = "aigc-hooks"


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
        for name in BUILTINS:
            self._register(importlib.import_module(name), name, DISTRIBUTION)
        for entry_point, distribution in _entry_points():
            self._load(entry_point, distribution)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            name = self._manager.get_name(error.plugin)
            raise PluginError(f"plugin {name!r}: {error}; the hooks are {', '.join(_hook_names())}") from error
        if os.environ.get("AIGC_HOOKS_TRACE", "").lower() not in ("", "0", "false", "no"):
            self._manager.add_hookcall_monitoring(_trace_before, lambda *_: None)

    def _load(self, entry_point: EntryPoint, distribution: str) -> None:
        """Loads one third-party plugin; one that is broken is skipped loudly, not fatally."""
        problem = _excluded(entry_point.name, distribution)
        if not problem:
            try:
                self._register(entry_point.load(), entry_point.name, distribution)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
                warnings.warn(
                    f"plugin {entry_point.name!r} of {distribution} was skipped: {problem}. Fix or uninstall it, or "
                    f"set AIGC_HOOKS_BLOCK_PLUGINS={entry_point.name}",
                    stacklevel=2,
                )
        if problem:
            self._infos[entry_point.name] = PluginInfo(entry_point.name, distribution, (), problem)

    def _register(self, plugin: object, name: str, distribution: str) -> None:
        # Of a function that cannot be awaited here, the coroutine would be taken for a result.
        for attribute in _hook_names():
            if inspect.iscoroutinefunction(getattr(plugin, attribute, None)):
                raise PluginError(f"{attribute} of plugin {name!r} is async; hooks are synchronous")
        self._manager.register(plugin, name)
        try:
            # Asked plugin by plugin, so that a broken one is skipped alone.
            for implementation in self._manager.hook.aigc_carriers.get_hookimpls():
                if implementation.plugin is plugin:
                    self.carriers += tuple(implementation.function() or ())
        except Exception:
            self._manager.unregister(plugin)
            raise
        callers = self._manager.get_hookcallers(plugin) or []
        self._infos[name] = PluginInfo(name, distribution, tuple(sorted(caller.name for caller in callers)))

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
        """The adapter that knows a class, or None."""
        adapter: Adapter | None = self._call("adapter", cls=cls)
        return adapter

    def prepare(self, call: Call, provider: Provider) -> None:
        """Lets every plugin change the arguments of a generation."""
        self._call("prepare", call=call, provider=provider)

    def detect(self, artifact: Artifact, provider: Provider) -> list[Finding]:
        """Everything that is already there."""
        results = self._call("detect", artifact=artifact, provider=provider)
        return [finding for findings in results for finding in findings]

    def make_label(self, artifact: Artifact, provider: Provider) -> Label | None:
        """The label of the first plugin that makes one."""
        label: Label | None = self._call("make_label", artifact=artifact, provider=provider)
        return label

    def render_explicit(self, artifact: Artifact, label: Label, provider: Provider) -> bool:
        """Whether a plugin put the explicit label into the content."""
        return bool(self._call("render_explicit", artifact=artifact, label=label, provider=provider))

    def embed_watermark(self, artifact: Artifact, label: Label, provider: Provider) -> None:
        """Lets every plugin embed its watermark."""
        self._call("embed_watermark", artifact=artifact, label=label, provider=provider)

    def write_metadata(self, artifact: Artifact, label: Label, provider: Provider) -> None:
        """Lets every plugin attach the implicit label."""
        self._call("write_metadata", artifact=artifact, label=label, provider=provider)

    def sign(self, artifact: Artifact, label: Label, provider: Provider) -> bool:
        """Whether a plugin signed the content."""
        return bool(self._call("sign", artifact=artifact, label=label, provider=provider))

    def audit(self, record: AuditRecord, provider: Provider) -> None:
        """Hands a record to every sink."""
        self._call("audit", record=record, provider=provider)

    def _call(self, stage: str, **arguments: Any) -> Any:
        hook: pluggy.HookCaller = getattr(self._manager.hook, f"aigc_{stage}")
        try:
            return hook(**arguments)
        except LabelError as error:
            error.stage = error.stage or stage
            error.plugin = error.plugin or _culprit(hook, error.__traceback__)
            raise
        except Exception as error:
            plugin = _culprit(hook, error.__traceback__)
            by = f" of plugin {plugin!r}" if plugin else ""
            raise LabelError(
                f"stage {stage}{by} failed, and nothing was released: {error}", stage=stage, plugin=plugin
            ) from error


def _entry_points() -> Iterator[tuple[EntryPoint, str]]:
    """Third-party plugins and our own adapters, by name: the order of the file system decides nothing."""
    found: dict[str, tuple[EntryPoint, str]] = {}
    for distribution in distributions():
        for entry_point in distribution.entry_points:
            if entry_point.group == hookspecs.PROJECT:
                name = f"{_canonical(distribution.metadata['Name'])} {distribution.version}"
                found.setdefault(entry_point.name, (entry_point, name))
    yield from (found[name] for name in sorted(found))


def _excluded(name: str, distribution: str) -> str:
    allowed = os.environ.get("AIGC_HOOKS_PLUGINS")
    third_party = not distribution.startswith(f"{DISTRIBUTION} ")
    if third_party and allowed is not None and name not in _names(allowed):
        return f"not in AIGC_HOOKS_PLUGINS={allowed}"
    if name in _names(os.environ.get("AIGC_HOOKS_BLOCK_PLUGINS", "")):
        return "in AIGC_HOOKS_BLOCK_PLUGINS"
    return ""


def _canonical(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")}


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("aigc_")]


def _culprit(hook: pluggy.HookCaller, traceback: TracebackType | None) -> str:
    """Name of the plugin whose implementation the traceback passes through: pluggy does not tell."""
    owners = {implementation.function.__code__: implementation.plugin_name for implementation in hook.get_hookimpls()}
    while traceback is not None:
        if traceback.tb_frame.f_code in owners:
            return owners[traceback.tb_frame.f_code]
        traceback = traceback.tb_next
    return ""


def _trace_before(hook_name: str, implementations: list[Any], arguments: dict[str, Any]) -> None:
    callees = ", ".join(implementation.plugin_name for implementation in implementations) or "nobody"
    shown = ", ".join(f"{name}={type(value).__name__}" for name, value in arguments.items())
    print(f"aigc_hooks: {hook_name}({shown}) -> {callees}", file=sys.stderr)


_lock = threading.RLock()


@functools.cache
def _loaded() -> Hooks:
    return Hooks()


def hooks(provider: Provider | None = None) -> Hooks:
    """The plugins, loaded on first use.

    Args:
        provider: Whose ``required_plugins`` must be there.

    Raises:
        PluginError: A required plugin is missing or broken, or a plugin implements a hook that does not exist.
    """
    with _lock:  # two threads that come first must not build two managers
        loaded = _loaded()
    if provider is not None:
        loaded.require(provider.required_plugins)
    return loaded


def reload() -> None:
    """Forgets the plugins, so that the next call finds them anew: after an installation in a running session."""
    with _lock:
        _loaded.cache_clear()


