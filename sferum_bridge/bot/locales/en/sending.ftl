# What somebody learns whose message did not go to Sferum, or not as a whole.
# $again is the word by which a message is sent again, $megabytes the largest size of a file.

sending-unknown = A message of this kind does not go to Sferum: only members in Matrix see it. If it matters, write it as text.
sending-encrypted = The message is encrypted, so it does not go to Sferum: the bridge cannot read it either. Write in this chat from an app without encryption, or send the file unencrypted.
sending-vote = The poll goes to Sferum as text, and votes stay in Matrix: they are not seen in Sferum. Whoever has to answer there too may write the answer as a message.
sending-broken = This did not reach Sferum: the bridge failed at it, and the server's log says where. Members in Matrix see everything. If it is important, write it differently or tell the school's administrator.
sending-unlinked = This did not reach Sferum: it was waiting its turn, and meanwhile the chat was disconnected from Sferum. Members in Matrix see everything. If it matters to those in Sferum, write to them there, or send it again once the chat is connected again.
sending-slowed = This has not reached Sferum yet: it asks to wait, for too much was sent at once. There is nothing to do: it will be sent by itself, and what was written in this chat after it follows. If it does not matter any more, delete it, so that the other messages need not wait.
sending-slowed-change = This change (a deletion or a pin) has not reached Sferum yet: it asks to wait, for too much was sent at once. There is nothing to do: it will get there by itself, and what was written in this chat after it follows.

sending-file-gone = The file did not go to Sferum: the Matrix server does not give it. Please send it again.
sending-file-too-big = The file did not go to Sferum: it is larger than may pass (up to { $megabytes } MB). Members in Matrix see it. Make it smaller, or share a link to it.
sending-file-kind = The file did not go to Sferum: the school does not let files of this kind pass. Members in Matrix see it. Send it in another form, such as PDF.

sending-edit-unknown = The correction did not go to Sferum: the original message is not there, or is not yours. If it matters, write a new message.
sending-edit-kind = The correction did not go to Sferum: the caption of this file cannot be changed there. If it matters, write a new message.
sending-edit-too-late = The correction did not go to Sferum: messages can be changed there within a day only. If it matters, write a new message.
sending-edit-refused = The correction did not go to Sferum: it was refused. The earlier message is still there. If it matters, write a new one.
sending-delete-too-late = The message is deleted in Matrix but still in Sferum: it can be deleted there for everybody within a day only. An administrator of the chat in Sferum can delete it.
sending-delete-refused = The message is deleted in Matrix but still in Sferum, which refused to delete it. Its author or an administrator of the chat in Sferum can delete it.
sending-part-kept = This is deleted in Matrix but still in Sferum: there it is a part of one message, and cannot be taken out of it. To delete the whole message in Sferum too, delete its other parts here as well.
sending-pin-refused = The pinned message in Sferum has not changed: Sferum does not allow that to your account, or to the one the chat is connected through. An administrator of the chat can pin it there.

sending-reaction-own = Reactions in this chat stay in Matrix: in Sferum one can react only in one's own name. Log in to Sferum in your direct chat with the bot, and they will be seen there too.
sending-reaction-kind = Sferum does not have this reaction, so it stays in Matrix. It has: { $known }
sending-reaction-refused = The reaction stays in Matrix: Sferum refused it. Perhaps the message is deleted there, or reactions are off in the chat.

sending-again = To have it sent again, answer it in the same chat: `{ $again }`
sending-retry-what = To have a message sent to Sferum again, answer your own message in the same chat: `{ $again }`
sending-retry-there = This message is in Sferum already; it was not sent again.
sending-retry-found = The message did reach Sferum after all; it was not sent again.
