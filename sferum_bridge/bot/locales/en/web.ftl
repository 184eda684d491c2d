# The page that an invite link opens.

page-invite-title = An invite for a parent
page-invite-intro = This link is an invite from a child. Nothing is confirmed on this page and it tells nothing of the child: that comes after you sign in.
page-invite-step-client = Open any Matrix app and sign in with **your own** account, not with the child's.
page-invite-step-bot = Start a direct chat with the school's assistant.
page-invite-step-code = Send it this whole link. The assistant shows the child's data and asks you to confirm.
page-invite-open-bot = Open the chat with the assistant
page-invite-help = Not working? Write to the class teacher, or here: { $contact }.
