"""Forked kernels for jupyter_client: a provisioner, and a manager and client that wait no longer than they must.

A provisioner is jupyter_client's own extension point for how a kernel comes to life. This one belongs to a `Preloaded`
that is handed to it, and starts a plain kernel where that one cannot fork, with the reason noted in `Preloaded.plain`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Any as AnyValue
from traitlets import Type, Unicode

from opsanalytics.batch.execution.kernels.forked import Preloaded, PreloadedGoneError

_KILLED_WITHIN_S = 5.0
_LOOK_S = 0.25  # between two looks whether a kernel that does not answer lives


class ForkedProvisioner(LocalProvisioner):
    """Brings a kernel to life by a fork of `preloaded`, or as a plain process; its output goes to `log_path`."""

    preloaded = AnyValue(help="the Preloaded of which kernels are forked")
    log_path = Unicode(os.devnull, help="the file to which a forked kernel appends its stdout and stderr")

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        """Start the kernel; `cmd` and the options are those that a plain process would get."""
        folder, environment = (str(options.get("cwd") or Path.cwd()), options.get("env") or dict(os.environ))
        reason = self.preloaded.refusal(cmd, folder, environment)
        if not reason:
            try:
                process: Any = await asyncio.to_thread(self.preloaded.fork, cmd[3:], folder, environment, self.log_path)
            except PreloadedGoneError as error:
                reason = str(error)
        if reason:
            self.preloaded.plain.append(reason)
            return await super().launch_kernel(cmd, **options)
        self.process = process  # it has the part of Popen that is used
        self.pid = self.pgid = process.pid  # it leads a session of its own
        self.cwd = folder
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and return when it has ended: who asked need not look every tenth of a second."""
        process: Any = self.process
        await super().kill(restart)
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, _KILLED_WITHIN_S)


def forked_provisioner(manager: AsyncKernelManager, preloaded: Preloaded, log_path: str | Path) -> ForkedProvisioner:
    """Return the provisioner that makes `manager` fork its kernel: set it as its `provisioner` before it starts."""
    return ForkedProvisioner(
        kernel_spec=manager.kernel_spec, parent=manager, preloaded=preloaded, log_path=str(log_path)
    )


class QuickClient(AsyncKernelClient):
    """A client that is ready as soon as it has seen the answer to its own question on both channels.

    jupyter_client waits for 0.2 s of silence instead. The kernel's status "idle", with the question as its parent,
    is the last that it publishes about it: what comes after belongs to the notebook.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Ask until the kernel answers. Raises RuntimeError when it has died or `timeout` seconds are over."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while not await self._answered(self.kernel_info()):
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout:.0f} seconds")

    async def _answered(self, question: str) -> bool:
        try:
            while True:
                reply = await self.get_shell_msg(timeout=_LOOK_S)
                if reply["msg_type"] == "kernel_info_reply" and reply["parent_header"].get("msg_id") == question:
                    break
            while not _is_idle(await self.get_iopub_msg(timeout=0.2), question):
                pass
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return True


def _is_idle(message: dict[str, Any], question: str) -> bool:
    return bool(
        message["msg_type"] == "status"
        and message["content"]["execution_state"] == "idle"
        and message["parent_header"].get("msg_id") == question
    )


class QuickManager(AsyncKernelManager):
    """A kernel manager with quick clients."""

    client_factory = Type(default_value=QuickClient, klass=AsyncKernelClient)
