"""Browsers without a window, at a page of ours; no driver is needed: the page reports itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.sdk.support.toolchains import Node

from .process import Process, need
from .remote import Remote, remote
from .waiting import wait_until

PAGE = Path(__file__).resolve().parents[1] / "rtc" / "page"
BROWSERS = ("chromium", "firefox-esr")

_FIREFOX = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "permissions.default.microphone": 1,
    "media.peerconnection.ice.loopback": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "app.update.auto": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "extensions.update.enabled": False,
}
"""A microphone without a question, candidates on loopback (which only a page has that may use the
microphone), sound without a click; and nothing that asks the network."""


def _chromium(profile: Path, url: str) -> list[str]:
    return [
        need("chromium"),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={profile}",
        url,
    ]


def _firefox(profile: Path, url: str) -> list[str]:
    values = {True: "true", False: "false"}
    lines = [
        f'user_pref("{name}", {values[value] if isinstance(value, bool) else _quoted(value)});'
        for name, value in _FIREFOX.items()
    ]
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "user.js").write_text("\n".join(lines), "utf-8")
    return [need("firefox-esr"), "--headless", "--no-remote", "--profile", str(profile), url]


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@asynccontextmanager
async def browser(name: str, profile: Path) -> AsyncIterator[Remote]:
    """A page with livekit-client in that browser. `profile`: an empty folder."""
    node = await Node.find()
    files = [PAGE / "page.html", PAGE / "page.js"]
    project = await node.project("page", PAGE, *files)
    script = project / "node_modules" / "livekit-client" / "dist" / "livekit-client.umd.js"
    (project / script.name).write_bytes(script.read_bytes())

    async def start(address: str) -> Process:
        command = {"chromium": _chromium, "firefox-esr": _firefox}[name]
        url = f"http://{address}/page.html"
        return await Process.start(name, command(profile / "profile", url), env=env)

    env = {"HOME": str(profile), "XDG_RUNTIME_DIR": str(profile)}
    async with _loudspeaker(profile, env), remote(start, project) as started:
        yield started


@asynccontextmanager
async def _loudspeaker(folder: Path, env: dict[str, str]) -> AsyncIterator[None]:
    """One that nobody hears, added to `env`: without any, Firefox starts no AudioContext."""
    socket = folder / "speaker"
    command = [
        need("pulseaudio"),
        *("-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
        "--load=module-null-sink rate=48000",
        f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}",
    ]
    process = await Process.start("pulseaudio", command, env=env)
    try:
        await wait_until(socket.exists, "pulseaudio listens")
        env["PULSE_SERVER"] = f"unix:{socket}"
        yield
    finally:
        await process.stop()
