# “My documents”: a store of one's own in the chat with the assistant.

documents-head = Your documents, { $used } of { $quota } taken:
documents-line = { $number }. **{ $name }** — { $size }, { DATETIME($at, dateStyle: "long") }
documents-line-undated = { $number }. **{ $name }** — { $size }
documents-how =
    `get 2` or the number below the list — have a document sent here, `rename 2 New name`, `delete document 2`, `share 2` — pass a copy to a teacher, `documents zip` — everything as one file.
documents-none = You have no documents yet. Send me one file or several here; what you write below a file becomes its name. A room of its own is possible too: `documents room`
documents-limits = One file up to { $most }, all together up to { $quota } and no more than { $number }. Accepted are { $kinds } and others, the whole list: `documents types`. Only you see your documents: not the child, not the other parent, not the school.
documents-kinds = Files of these types can be kept:
documents-megabytes = { $count } MB
documents-kilobytes = { $count } kB

documents-right = In this school the store of documents is not open to your role, so I did not take the file. Questions: { $contact }
documents-encrypted = The file “{ $name }” was encrypted by your app, so I cannot read and keep it. Send it in a chat without encryption.
documents-wrong-kind = The file “{ $name }” was not kept: files of this type are not stored. It was taken out of the chat. Accepted are:
documents-too-big = The file “{ $name }” was not kept: it is larger than allowed, one file up to { $most }. It was taken out of the chat. Make it smaller or divide it.
documents-full = The file “{ $name }” was not kept: there is no room, { $used } of { $quota } are taken. It was taken out of the chat. Delete what you do not need: `documents`, then `delete document 2`
documents-too-many = The file “{ $name }” was not kept: there can be no more than { $number } documents. It was taken out of the chat. Delete what you do not need: `documents`, then `delete document 2`
documents-lost = The file “{ $name }” was not kept: the server did not give it. Please send it again.
documents-kept = Kept: **{ $name }** ({ $size }). The file was taken out of the chat and lies encrypted. { $used } of { $quota } taken. All there is: `documents`
documents-failed = Something went wrong with the document “{ $name }”. Please try again later. If it does not work: { $contact }
documents-broken = The document “{ $name }” does not open: its file on the server is damaged. Please report it: { $contact }

documents-given =
    { $minutes ->
        [one] In { $minutes } minute
       *[other] In { $minutes } minutes
    } I take this out of the chat. In the store everything stays.
documents-archive-name = documents-{ $number }-of-{ $of }.zip
documents-which = Several documents fit. Write the number from the list: `documents`
documents-gone = You have no such document. What there is: `documents`

documents-name-ask = What is “{ $name }” to be called? Write the name. Changed your mind? `cancel`
documents-name-none = This is no name for a document. Write for example: `rename 2 Certificate of residence`
documents-renamed = “{ $old }” is now called **{ $name }**.
documents-delete-ask = Delete **{ $name }** for good? It cannot be brought back. ✅ or `yes` — delete, ❌ or `cancel` — keep.
documents-deleted = Deleted: { $name }. It is in the store no more.
documents-cancelled = All right, everything stays as it was.
documents-tap = Tap ✅ or write `yes`. Changed your mind? `cancel`

documents-share-whom = To whom is a copy of “{ $name }” to go? Tap the number or write it.
documents-share-line = { $number } { $name }
documents-share-ask = Pass a copy of **{ $name }** to { $whom }? The copy cannot be called back; the document itself stays yours alone. ✅ or `yes` — pass it on, ❌ or `cancel` — no.
documents-shared = A copy of “{ $name }” went to: { $whom }.
documents-share-nobody = There is nobody to pass a copy to: no teachers now whom you may write to.
documents-share-unknown = A copy cannot go to this person, only to teachers whom you may write to. The list: `share` and the number of the document.
documents-share-no-account = A copy cannot go there yet, in the school’s service there is no account of: { $name }.
documents-copy =
    { $owner } passes a copy of the document “{ $name }” to you. In { $count ->
        [one] { $count } day
       *[other] { $count } days
    } it goes from the chat. It is personal data: do not pass it on without need.

documents-room-name = My documents
documents-room = The room “{ $name }” is ready: { $link }. Only you and I are in it. Drop files there, I keep them and take them out of the chat.

help-documents = Your certificates and contracts can be kept with me, seen by you alone: send a file or write `documents`

action-document-share = a copy of a personal document went to a teacher
erased-documents = personal documents
paper-documents = Personal documents
column-bytes = Bytes
