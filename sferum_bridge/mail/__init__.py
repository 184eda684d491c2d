"""The seam to the school's mail server: letters that the store has queued go out over SMTP.

What a letter says is written by a topic of the bot, in the transaction that decided to send it
(`store.mails`). Nothing here reads mail, and nothing here knows what a letter is about. Built by
`app`, which leaves it out where no mail server is set.
"""
