"""A browser without scripts: it keeps cookies, reads forms, and sends them as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractCookieJar

_SPACES = " \n"


@dataclass(slots=True)
class Form:
    """A form of a page."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    label: str = ""
    """What stands on its button."""


@dataclass(slots=True)
class Page:
    """An answer, as far as a person or a browser looks at it."""

    url: str
    status: int
    headers: Mapping[str, str]
    html: str
    forms: list[Form]
    links: dict[str, str]
    """What is read on a link → where it leads."""
    text: str

    def form(self, label: str) -> Form:
        """Return the form whose button says this; fails where there is none."""
        found = [form for form in self.forms if label in form.label]
        assert found, f"no button says {label!r}, only {self.labels}"
        return found[0]

    @property
    def labels(self) -> list[str]:
        """Return what the buttons say."""
        return [form.label for form in self.forms]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.text: list[str] = []
        self._open: list[str] = []
        self._href = ""
        self._said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.forms.append(Form(values["action"]))
            case "input":
                self.forms[-1].fields[values["name"]] = values.get("value", "")
            case "a" | "button":
                self._href, self._said = values.get("href", ""), ""
        if tag in {"style", "button"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self.forms[-1].label = self._said.strip(_SPACES)
        if tag == "a":
            self.links[self._said.strip(_SPACES)] = self._href
        if tag in self._open:
            self._open.remove(tag)

    def handle_data(self, data: str) -> None:
        self._said += data
        if "style" not in self._open:
            self.text.append(data)


class Browser:
    """One window: cookies of its own, nothing from before."""

    def __init__(self, base: str, jar: AbstractCookieJar | None = None, /, **headers: str) -> None:
        self.base = base
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True) if jar is None else jar, headers=headers
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    @property
    def cookies(self) -> dict[str, str]:
        """Return the cookies: name → value."""
        return {cookie.key: cookie.value for cookie in self._session.cookie_jar}

    def put_cookies(self, cookies: Mapping[str, str]) -> None:
        """Take somebody's cookies, as they were or changed."""
        self._session.cookie_jar.clear()
        self._session.cookie_jar.update_cookies(dict(cookies), URL(self.base))

    async def open(self, where: str, method: str = "GET", **more: Any) -> Page:
        """Open an address, of the site or a whole one."""
        url = urljoin(self.base, where)
        async with self._session.request(method, url, **more) as answer:
            html = await answer.text()
            reader = _Reader()
            reader.feed(html)
            return Page(
                str(answer.url),
                answer.status,
                answer.headers,
                html,
                reader.forms,
                reader.links,
                " ".join(" ".join(reader.text).split()),
            )

    async def submit(self, page: Page, label: str, /, **typed: str) -> Page:
        """Fill a form in and press its button."""
        form = page.form(label)
        assert typed.keys() <= form.fields.keys()
        return await self.send(form.action, form.fields | typed)

    async def send(self, action: str, fields: Mapping[str, str], **headers: str) -> Page:
        """Send fields as a browser sends a form of the same site."""
        own = {
            "Sec-Fetch-Site": "same-origin",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return await self.open(action, "POST", data=dict(fields), headers=own)

    async def led_to(self, action: str, fields: Mapping[str, str]) -> str:
        """Send a form and return where its answer leads, without going there."""
        page = await self.open(action, "POST", data=dict(fields), allow_redirects=False)
        assert page.status == 303
        return page.headers["Location"]
