# Materials of a class: the list, searching it, and what a teacher files there from a chat.

materials-nowhere = Materials belong to classes, and you are in none at the moment. If that is a mistake, write `request`
materials-none = There are no materials yet. Teachers put them into the class's “materials” room, or react with 📚 to a message in the class's chat.
materials-none-such = There are no such materials. Search by words of the title, by subject, teacher, day or month: `materials algebra September`. All of them: `materials`
materials-head = Materials, { $first }–{ $last } of { $count }:
materials-line = { $about }, { DATETIME($at, dateStyle: "long") }
materials-next = ▶️ — more.
materials-how = To find something: `materials algebra`, `materials Anna September`, `materials from 01.09 to 30.09`; in another order: `materials by subject`, `materials by teacher`

material-head = 📚 { $author }, from “{ $room }”
filing-done = Filed in “{ $room }”: { $title }. If its author edits or deletes the message, that changes too.
filing-already = This message is among the materials already.
filing-nothing = A text or an unencrypted file can be filed, and this is neither. Send the file to the materials room yourself.
filing-not-its-authors = Whoever wrote this message may not open the file in it, so it does not go into the materials. If you have the file, send it to the materials room yourself.

action-material-file = a message was filed with the class's materials
erased-materials = materials
paper-materials = Materials you have put up
