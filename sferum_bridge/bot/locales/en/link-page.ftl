# The page that a link of a call or a broadcast opens.

link-title = A call or broadcast of the school
link-intro = The link opens only for those it is meant for: who is in the chat of the call, or the classes and roles the broadcast is for. So sign in first.
link-broken = A part of the link is missing. Open it right from the chat, or copy it whole.
link-sign-in-off = The school has switched off signing in on the helper's pages, so the link does not open here. Tell the school's administrator: the setting is `web.sign_in`.
link-sign-in-title = Sign in
link-sign-in-intro = Sign in with **your own** account of the school, the one you use in the app.
link-sign-in-away = You cannot sign in now: the school's server does not answer. Try again in a few minutes.
link-sign-in-not-ours = Here you can only sign in with an account of the server { $server }. With another account the link does not open.
link-sign-in-lost = Signing in was not finished: it took long, or it was begun in another browser. Open the link from the chat and sign in again. If that fails too, allow cookies for this site.
link-no-cookie = The page is out of date, or the browser keeps no cookies. Nothing was opened. Please try again. If you see this again, allow cookies for this site.
link-open-title = All is ready
link-open-intro = Press the button. The way in is for you alone and for now: passing it on is of no use.
link-open = Open
link-leads-title = Opening
link-leads-intro = If nothing happens, press the button.
link-leads = Go there

link-not-yours = With this account the link does not open: it is meant for other people, or there is no such any more. If it came to you in a chat of the school, sign in with the account that is in that chat. The right to open it cannot be passed on.
link-call-over = This call is over. The chat says when it was.
link-call-gone = The school's calls are switched off now, so nobody can join. Tell the school's administrator.
link-broadcast-to-come = The broadcast has not begun yet. The chat will say when it does; then open the link again.
link-broadcast-over = The broadcast is over, and there is no recording. The chat says when it was.
link-away = The school's server does not answer, so the link cannot be opened. Try again in a minute.
