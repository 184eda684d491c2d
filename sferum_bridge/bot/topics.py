"""Which topic takes which command, open question, case and piece of news: the bot's switchboard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from sferum_bridge.bot import (
    about,
    admitting,
    announced,
    announcing,
    applying,
    approving,
    broadcasting,
    calling,
    chat_links,
    chat_list,
    confirming,
    consenting,
    correcting,
    document_asking,
    documents,
    drifting,
    enlisting,
    entering,
    excepting,
    finding,
    helpdesk,
    import_reading,
    importing,
    inviting,
    journal,
    materials,
    messenger,
    opening,
    parting,
    personal_chats,
    privacy,
    progress,
    refusing,
    removing,
    replacing,
    reporting,
    restoring,
    sferum_login,
    sferum_logout,
    sferum_state,
    slips,
    staff_news,
    staffing,
    year,
    year_news,
)
from sferum_bridge.bot.commands import Command, Name
from sferum_bridge.bot.talk import Talk
from sferum_bridge.store import announcements, drifts, logins, mails, openings, personal
from sferum_bridge.store.accounts import REPLACED
from sferum_bridge.store.cases import Kind
from sferum_bridge.store.staffing import MOVED, STAFF
from sferum_bridge.store.year import FAILED, OPENED, UNDONE

if TYPE_CHECKING:
    from sferum_bridge.bot.deciding import Deciding

Handler: TypeAlias = Callable[[Talk, Command], Awaitable[None]]
GoOn: TypeAlias = Callable[[Talk, Mapping[str, Any], Command], Awaitable[None]]
Tell: TypeAlias = Callable[[Talk, Mapping[str, Any]], Awaitable[None]]
Take: TypeAlias = Callable[[Talk, Mapping[str, Any], object], Awaitable[None]]

CASES: Mapping[Kind, Deciding] = {
    Kind.APPLICATION: admitting.DECIDING,
    Kind.CORRECTION: correcting.DECIDING,
    Kind.ERASURE: privacy.DECIDING,
    Kind.REMOVAL: removing.DECIDING,
}
"""How cases of each kind are decided."""

_decisions = approving.Decisions(CASES)

HANDLERS: Mapping[Name, Handler] = {
    Name.INVITE: inviting.invite_parent,
    Name.REVOKE: inviting.revoke,
    Name.SLIPS: slips.print_slips,
    Name.EXCEPTION: excepting.make_exception,
    Name.INVITE_PUPIL: enlisting.invite_pupil,
    Name.CHILDREN: about.my_children,
    Name.PARENTS: about.my_parents,
    Name.WHOAMI: about.who_am_i,
    Name.WHY: about.why,
    Name.FIND: finding.search,
    Name.HELP: about.help_,
    Name.APPROVE: _decisions.decide,
    Name.REJECT: _decisions.decide,
    Name.RECAST: admitting.recast,
    Name.APPOINT: staffing.begin,
    Name.DISMISS: staffing.begin,
    Name.HAND_OVER: staffing.begin,
    Name.TRANSFER: staffing.begin,
    Name.YEAR: year.begin,
    Name.CORRECT: correcting.correct,
    Name.JOURNAL: journal.show,
    Name.EXPORT: privacy.export,
    Name.ERASE: privacy.erase,
    Name.NOT_PARENT: parting.disown,
    Name.LEAVE: parting.leave,
    Name.UNLINK: removing.remove,
    Name.RESTORE: restoring.restore,
    Name.CONSENTS: consenting.show,
    Name.WITHDRAW: consenting.withdraw,
    Name.LANGUAGE: about.choose_language,
    Name.COME_BACK: drifting.come_back,
    Name.REPLACE: replacing.begin,
    Name.SFERUM: sferum_state.show,
    Name.SFERUM_LOGIN: sferum_login.begin,
    Name.SFERUM_LOGOUT: sferum_logout.leave,
    Name.CHATS: chat_list.show,
    Name.LINK: chat_links.link,
    Name.UNLINK_CHAT: chat_links.unlink,
    Name.RELAY: chat_links.relay,
    Name.ANNOUNCE: announcing.announce,
    Name.ANNOUNCEMENTS: announced.mine,
    Name.REQUEST: helpdesk.request,
    Name.REQUESTS: helpdesk.show,
    Name.ANSWER: helpdesk.answer,
    Name.REPORT: reporting.how,
    Name.MATERIALS: materials.show,
    Name.IMPORT: importing.begin,
    Name.DOCUMENTS: documents.show,
    Name.DOCUMENT_GET: documents.get,
    Name.DOCUMENT_RENAME: documents.rename,
    Name.DOCUMENT_DELETE: documents.remove,
    Name.DOCUMENT_SHARE: documents.share,
    Name.CALL: calling.call,
    Name.BROADCAST: broadcasting.broadcast,
    Name.PAUSE: progress.pause,
    Name.RESUME: progress.resume,
}
"""What somebody the school knows may say at any time."""

FOR_ANYBODY: Mapping[Name, Handler] = {Name.APPLY: applying.apply}
"""What somebody nobody knows may say, too."""

DIALOGUES: Mapping[str, GoOn] = {
    applying.TOPIC: applying.go_on,
    confirming.TOPIC: confirming.go_on,
    staffing.TOPIC: staffing.go_on,
    year.TOPIC: year.go_on,
    correcting.TOPIC: correcting.go_on,
    entering.TOPIC: entering.go_on,
    enlisting.CLASS_TOPIC: enlisting.go_on_with_class,
    privacy.TOPIC: privacy.go_on,
    parting.TOPIC: parting.go_on,
    replacing.TOPIC: replacing.go_on,
    consenting.TOPIC: consenting.go_on,
    sferum_login.TOPIC: sferum_login.go_on,
    sferum_logout.TOPIC: sferum_logout.go_on,
    chat_links.TOPIC: chat_links.go_on,
    announcing.TOPIC: announcing.go_on,
    helpdesk.TOPIC: helpdesk.go_on,
    document_asking.TOPIC: documents.go_on,
    importing.TOPIC: importing.go_on,
}
"""Who goes on with an open question, by the `topic` of its state.

Asked with what answers a question: confirm, not mine, correct, cancel, and words that are no
command. Of somebody nobody knows, with every command.
"""

NEWS: Mapping[str, Tell] = {
    announcements.DELIVERED: announced.delivered,
    drifts.FOUND: drifting.tell_whom_it_concerns,
    drifts.SUMMARY: drifting.sum_up,
    logins.LOST: sferum_state.lost,
    mails.FAILED: enlisting.mail_failed,
    openings.ENDED: opening.ended,
    openings.OPENED: opening.opened,
    refusing.NEWS: refusing.tell,
    personal.NOT_OPENED: personal_chats.not_opened,
    REPLACED: replacing.tell,
    MOVED: staff_news.moved,
    STAFF: staff_news.staff_changed,
    OPENED: year_news.opened,
    UNDONE: year_news.undone,
    FAILED: year_news.failed,
}
"""Who tells people what another process did, by the `kind` of the news (`store.news`)."""

UNHURRIED = frozenset({MOVED, STAFF, OPENED, UNDONE, FAILED})
"""News of a school that ring nobody in its quiet hours: a year opens at midnight."""

ANSWERS: Mapping[str, Take] = {
    messenger.LOG_IN: sferum_login.tried,
    messenger.LIST: chat_list.shown,
    messenger.LOOK: chat_links.looked,
    messenger.HEIRS: sferum_logout.found,
    messenger.CLOSE: sferum_login.closed,
    messenger.START_CALL: calling.started,
    messenger.START_SHOW: broadcasting.started,
    messenger.TELL_CALL: calling.told,
    messenger.END_CALL: calling.over,
    import_reading.LOOK: importing.looked,
    import_reading.AGAIN: importing.read_again,
}
"""Who is given what the messenger answered, by the question (`messenger.ask`)."""
