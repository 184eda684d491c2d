# Why the server refused something. The bot tells whoever did it.

file-refused-wrong-kind = The file was not sent: files of this kind do not pass in this room. Send it as another kind, such as PDF, or ask the school's administrator.
file-refused-too-big = The file was not sent: it is larger than this room allows. Make it smaller, or share a link.
file-refused-encrypted = The file was not sent: files go into the school's rooms unencrypted. Send it the ordinary way.
file-refused-program = The file was not sent: it is a program, and programs are not passed on at school, whatever they are called. If a lesson needs it, ask your teacher.
file-refused-holds-program = The file was not sent: the archive or document holds a program or a macro. Send it without.
file-refused-sealed = The file was not sent: nobody can look into this archive — it has a password, is damaged, or is no ZIP. Pack the files into an ordinary ZIP without a password.
file-refused-virus = The file was not sent: a virus was found in it. Check your device with an antivirus, and tell the school's administrator.
file-refused-unscanned = The file was not sent: the virus scanner does not answer now. Try again in a few minutes; if that does not help, tell the school's administrator.
file-refused-anew = The file was not sent: it was not checked here, is not uploaded yet, or is not open to you. Upload it yourself anew, from your device.

refused-third-party = It was not added: widgets, bots, bridges and integrations of others do not work in the school's rooms, so that no outsider sees what is written there, or writes. What the school has, `help` tells. If a lesson needs something more, tell the school's administrator.
refused-invite = The invite was not sent. Into its own rooms the school brings people itself, and into yours you can ask only those whom you may write to. Outsiders, other people's bots and people of other messengers cannot be invited. Whom you may write to, the school's administrator can tell you.
