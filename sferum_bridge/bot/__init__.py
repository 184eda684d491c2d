"""The bot: how people talk to the bridge, in Russian and English, from any Matrix client.

`service.Bot` gets one inbox row at a time and carries it out in one transaction; `events` and
`commands` read what was sent, and the topics (`inviting`, `confirming`, `approving`, `about`)
decide and answer. What people read lies in `locales`, rendered by `texts`; no text stands in code.
Built by `app`, fed by the lanes of `matrix`. Asks `school` for the rules and `store` for the rest.
"""
