"""The seam to a school messenger: `base` says what one is, `vk` speaks Sferum's language.

Used by `relay` and `app`. Nothing above `base` knows VK: ids are text, read marks opaque, reactions
emoji, so that Sferum's successor fits behind the same seam.
"""
