"""The parts pages to sign in on are put together from: HTML out of texts, nothing decided.

Whatever came from outside is escaped here or by the texts. Every form holds the visit's hidden
field, and what the bot offers is sealed for the visit.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from sferum_bridge.bot import commands
from sferum_bridge.bot.commands import Name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sferum_bridge.bot.talk import Answer
    from sferum_bridge.matrix.outbox import File, Offer
    from sferum_bridge.web.pages import Pages
    from sferum_bridge.web.session import Visit, Visits

OFFER = "page-offer"
"""What an offer in a form is sealed as."""

FIELDS: Mapping[str, str] = {
    "family": "фамилия",
    "given": "имя",
    "middle": "отчество",
    "birth": "дата рождения",
}
"""Field of the form for corrections → what `correct` calls it, in either language."""

_LABELS: Mapping[Name, str] = {
    Name.CONFIRM: "page-say-confirm",
    Name.NOT_MINE: "page-say-not-mine",
}


@dataclass(frozen=True, slots=True)
class View:
    """What one page is made for."""

    language: str
    code: str
    """As people see it; empty where the address holds nothing of a code's shape."""
    visit: Visit
    at: str = "i"
    """The first part of the page's path."""

    @property
    def where(self) -> str:
        """Return the path of the page itself."""
        return f"/{self.at}/{self.code or '-'}"

    @property
    def there(self) -> str:
        """Return the same with the language it is read in, for forms and redirects."""
        return f"{self.where}?lang={self.language}"


class Parts:
    """Makes the parts.

    `bot_mxid` is whom people write to in a client, `support` outside one; `server` is what they
    type where a client asks for the server.
    """

    def __init__(
        self, pages: Pages, visits: Visits, bot_mxid: str, support: str, server: str
    ) -> None:
        self._pages = pages
        self._visits = visits
        self._bot_mxid = bot_mxid
        self._support = support
        self._server = server

    # --- before the sign-in -----------------------------------------------------------------

    def intro(self, view: View) -> str:
        """Return what the link is."""
        key = "page-invite-intro" if view.code else "page-invite-broken"
        return f"<p>{self._html(view, key)}</p>"

    def password_form(self, view: View, user: str) -> str:
        """Return the form for a user name and a password; `user` is what was typed before."""
        typed = 'autocapitalize="none" autocorrect="off" spellcheck="false" required'
        return self._form(
            view,
            "sign-in",
            f'<label for="user">{self._plain(view, "page-sign-in-user")}</label>'
            f'<input id="user" name="user" value="{escape(user)}" maxlength="255" '
            f'autocomplete="username" {typed}>'
            f'<label for="password">{self._plain(view, "page-sign-in-password")}</label>'
            f'<input id="password" name="password" type="password" maxlength="512" '
            f'autocomplete="current-password" {typed}>'
            f'<button class="first">{self._plain(view, "page-sign-in-button")}</button>',
        )

    def sign_on_links(self, view: View, addresses: Mapping[str, str]) -> str:
        """Return links to single sign-on: address → name of the provider, empty for the one."""
        return "".join(
            f'<p><a class="button" rel="noreferrer" href="{escape(address)}">'
            + (
                self._plain(view, "page-sign-in-with", provider=name)
                if name
                else self._plain(view, "page-sign-in-sso")
            )
            + "</a></p>"
            for address, name in addresses.items()
        )

    def either_or(self, view: View) -> str:
        """Return what stands between two ways to sign in."""
        return f'<p class="or">{self._plain(view, "page-or")}</p>'

    def sign_in(self, view: View, ways: str) -> str:
        """Return the section to sign in, with its forms and links."""
        soft = "".join(
            f'<p class="soft">{self._html(view, key)}</p>'
            for key in ("page-sign-in-account", "page-sign-in-private")
        )
        return section(
            self._plain(view, "page-sign-in-title"),
            f"<p>{self._html(view, 'page-sign-in-intro')}</p>{ways}{soft}",
        )

    def away(self, view: View) -> str:
        """Return what stands there instead while the homeserver does not answer."""
        return section(
            self._plain(view, "page-sign-in-title"),
            f"<p>{self._html(view, 'page-sign-in-away')}</p>",
        )

    def in_an_app(self, view: View, *, alone: bool) -> str:
        """Return how to go on in any client: the bot, the code to paste, the link for a phone.

        `alone` is whether no other way stands above it.
        """
        steps = [
            self._html(view, "page-app-step-client", server=self._server),
            self._html(view, "page-app-step-bot")
            + f"<br><code>{escape(self._bot_mxid)}</code>{self._links_to_bot(view)}",
        ]
        if view.code:
            steps += [
                f'{self._html(view, "page-app-step-code")}<code class="copy">{view.code}</code>',
                self._html(view, "page-app-step-answer"),
            ]
        listed = "".join(f"<li>{step}</li>" for step in steps)
        return section(
            self._plain(view, "page-app-title" if alone else "page-app-title-or"),
            f"<ol>{listed}</ol>{self._qr(view) if view.code else ''}",
        )

    def _links_to_bot(self, view: View) -> str:
        one = quote(self._bot_mxid.removeprefix("@"), safe=":")
        return (
            f'<p><a class="button" href="matrix:u/{one}?action=chat">'
            f"{self._plain(view, 'page-app-open')}</a></p>"
            f'<p><a rel="noreferrer" href="https://matrix.to/#/@{one}">'
            f"{self._plain(view, 'page-app-open-otherwise')}</a></p>"
        )

    def _qr(self, view: View) -> str:
        import segno  # noqa: PLC0415 - three MiB, from the first code that is shown

        picture = segno.make(f"{self._pages.site.url}{view.where}", error="m", micro=False)
        address = picture.svg_data_uri(light="#fff", border=4, omitsize=True)
        return (
            f"<details><summary>{self._plain(view, 'page-app-qr')}</summary>"
            f'<img class="qr" src="{escape(address)}" alt="{self._plain(view, "page-app-qr-alt")}">'
            "</details>"
        )

    # --- after it ---------------------------------------------------------------------------

    def signed_in(self, view: View) -> str:
        """Return who is signed in, and the way out: families share browsers (S-49)."""
        button = f'<button class="small">{self._plain(view, "page-sign-out")}</button>'
        account = self._html(view, "page-signed-in", account=view.visit.mxid)
        return (
            f'<section class="who"><p>{account}</p>{self._form(view, "sign-out", button)}</section>'
        )

    def another_account(self, view: View) -> str:
        """Return the remedy at hand for whoever is signed in as the wrong person (S-50)."""
        button = f'<button class="first">{self._plain(view, "page-another-account")}</button>'
        return self._form(view, "sign-out", button)

    def to_show(self, view: View) -> str:
        """Return the section to ask for the child's data."""
        return section(
            self._plain(view, "page-show-title"),
            f"<p>{self._html(view, 'page-show-intro')}</p>{self._show(view, 'page-show')}",
        )

    def answers(self, view: View, answers: Sequence[Answer]) -> str:
        """Return what the bot says, with its offers as buttons."""
        said = "".join(self._answer(view, answer) for answer in answers)
        offers = [offer for answer in answers for offer in answer.offers]
        asked = {command.name for o in offers if (command := commands.offered(o.command))}
        buttons = "".join(self._button(view, offer) for offer in offers)
        later = self._later(view) if Name.CONFIRM in asked else ""
        return f'<section role="status">{said}{buttons}{later}</section>'

    def show_again(self, view: View) -> str:
        """Return the way back to the child's data, for whoever has put the decision off."""
        return self._show(view, "page-show", first=False)

    def again(self, view: View) -> str:
        """Return the way to try again what was refused."""
        return self._show(view, "page-again", first=False)

    def to_rooms(self, view: View) -> str:
        """Return where the chats are, once somebody has confirmed."""
        return section(
            self._plain(view, "page-rooms-title"),
            f"<p>{self._html(view, 'page-rooms-intro')}</p>{self._links_to_bot(view)}",
        )

    def _answer(self, view: View, answer: Answer) -> str:
        text = f"<div>{answer.text.html}</div>" if answer.text else ""
        return text + (self._file(view, answer.file) if answer.file else "")

    def _file(self, view: View, file: File) -> str:
        data = base64.b64encode(file.data).decode()
        address = escape(f"data:{file.mimetype};base64,{data}")
        name = escape(file.name)
        if file.is_picture:
            return f'<p><img src="{address}" alt="{name}"></p>'
        label = self._plain(view, "page-open-file", name=file.name)
        return f'<p><a class="button" download="{name}" href="{address}">{label}</a></p>'

    def _button(self, view: View, offer: Offer) -> str:
        command = commands.offered(offer.command)
        name = command.name if command else Name.UNKNOWN
        key = _LABELS.get(name)
        # A reaction's picture is a chat's, and not every computer of a school has it to show.
        label = self._plain(view, key) if key else escape(offer.command.partition(" ")[0])
        sealed = self._visits.seal({"visit": view.visit.id, "say": offer.command}, OFFER)
        confirms = name is Name.CONFIRM
        button = (
            f'<button class="first">{label}</button>' if confirms else f"<button>{label}</button>"
        )
        form = self._form(view, "say", _hidden("offer", sealed) + button)
        return form + (self._to_correct(view) if confirms else "")

    def _to_correct(self, view: View) -> str:
        """Return the form to correct what the question shows; it unfolds without a script."""
        words = "".join(self._field(view, name) for name in FIELDS)
        button = f"<button>{self._plain(view, 'page-correct-button')}</button>"
        title = self._plain(view, "page-correct-title")
        return (
            f'<details class="fold"><summary class="button">{title}</summary>'
            f"<p>{self._html(view, 'page-correct-intro')}</p>"
            + self._form(view, "say", _hidden("do", "correct") + words + button)
            + "</details>"
        )

    def _later(self, view: View) -> str:
        button = f"<button>{self._plain(view, 'page-say-later')}</button>"
        return self._form(view, "say", _hidden("do", "later") + button)

    def _field(self, view: View, name: str) -> str:
        kind = "date" if name == "birth" else "text"
        return (
            f'<label for="{name}">{self._plain(view, f"page-correct-{name}")}</label>'
            f'<input id="{name}" name="{name}" type="{kind}" maxlength="100" autocomplete="off">'
        )

    def _show(self, view: View, key: str, *, first: bool = True) -> str:
        look = ' class="first"' if first else ""
        button = f"<button{look}>{self._plain(view, key)}</button>"
        return self._form(view, "say", _hidden("do", "show") + button)

    # --- what all have ----------------------------------------------------------------------

    def help(self, view: View) -> str:
        """Return whom to ask."""
        contact = self._html(view, "page-help", contact=self._support)
        return f'<p class="soft">{contact}</p>'

    def failed(self, view: View) -> str:
        """Return the box for what was nobody's mistake but the bridge's."""
        return self.notice(view, "page-failed", contact=self._support)

    def notice(self, view: View, key: str, **values: str | int) -> str:
        """Return a box that says what went wrong and what to do next."""
        return self._pages.notice(view.language, key, **values)

    def _form(self, view: View, act: str, inner: str) -> str:
        action = self._pages.site.href(f"{view.where}/{act}?lang={view.language}")
        return (
            f'<form method="post" action="{escape(action)}">'
            f"{self._visits.form(view.visit)}{inner}</form>"
        )

    def _html(self, view: View, key: str, **values: str) -> str:
        return self._pages.html(view.language, key, **values)

    def _plain(self, view: View, key: str, **values: str) -> str:
        return self._pages.plain(view.language, key, **values)


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{value}">'


def section(title: str, inner: str) -> str:
    """Return a box with a heading; both are HTML."""
    return f"<section><h2>{title}</h2>{inner}</section>"
