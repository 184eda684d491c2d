# Looking at the server: sferum-bridge doctor. One “why” a setting.

doctor-title = Server { $server }
doctor-state-ok = ok
doctor-state-note = note
doctor-state-wrong = wrong
doctor-state-unknown = cannot tell
doctor-column-state = State
doctor-column-what = What
doctor-column-found = Now
doctor-column-why = Why it matters
doctor-column-write = Write
doctor-absent = not set
doctor-absent-default = not set, { $value } holds
doctor-read = Read { $file }
doctor-no-yaml-given = No homeserver.yaml was found: of its settings only that is known which the server says itself. Name the file with `--homeserver-yaml`
doctor-healthy = All is well.
doctor-sick = Wrong: { $wrong }. Cannot tell: { $unknown }. A block of settings to paste is printed by `--fix`
doctor-nothing-to-fix = There is nothing to change in homeserver.yaml.
doctor-fix-head = Paste into homeserver.yaml instead of sections of the same names, and restart Synapse.
doctor-fix-keep = There is more in this section; bring it along: { $names }
doctor-fix-modules = Bring the settings (config) of the other modules along from the old section.
doctor-outbound-title = What the server, the bridge and clients speak to
doctor-column-host = Host
doctor-column-purpose = What for
doctor-column-setting = Setting
doctor-column-outside = Outside
doctor-any-host = any
doctor-yes = yes
doctor-no = no

# What could not be read.
doctor-no-file = There is no { $file }. Check the path.
doctor-unreadable = { $file } cannot be read. Run this as a user who may read it.
doctor-no-yaml = { $file } has a YAML error in line { $line }. Mend it: Synapse would not start with it either.
doctor-twice = { $file } has one setting twice, in line { $line }. Keep one: Synapse silently takes the last.
doctor-no-settings = { $file } holds no settings. Check that it is the right file.
doctor-nothing-to-see = The server at { $address } does not answer, and no homeserver.yaml was found, so there is nothing to look at. Start Synapse, or name the file with `--homeserver-yaml`

# Settings of homeserver.yaml.
doctor-federation = While federation is open, every Matrix server reaches for school accounts.
doctor-federation-note = Federation is open to the servers listed: their people stay outsiders, but their requests reach your server.
doctor-public-rooms = The list of rooms is not for those who are not signed in, nor for other servers.
doctor-profiles-federation = Else another server reads a child's name, picture and every other field of the profile.
doctor-devices-federation = Else other servers learn which devices a child uses.
doctor-profiles-anonymous = Else anybody reads a child's profile, even without an account.
doctor-profiles-strangers = Else a child's name and picture are shown to every account of the server.
doctor-profiles-invite = Else an invite carries name and picture to where outsiders see them.
doctor-room-profiles = Else somebody can call themselves by another's name in a room, the head's for one.
doctor-guests = A guest is an outsider without an account, and answers to nobody.
doctor-registration = The school makes accounts; with open registration anybody makes them.
doctor-registration-note = Registration is open, though checked: new accounts are outsiders until the school takes them in.
doctor-identity-lookup = Else the server gives e-mail addresses and phones to other servers to find people by.
doctor-names = Else anybody who registers learns which names are taken, and so who is in the school.
doctor-addresses = Else anybody who asks for a new password learns whether the school knows an e-mail address.
doctor-contacts = Else pupils bind e-mail addresses and phones themselves, and are found by them.
doctor-media = Else pictures and files open by their link without signing in.
doctor-previews = The server would open every link somebody writes, and tell the outside of it.
doctor-stats = The server's statistics would go to matrix.org.
doctor-key-servers = The server asks matrix.org for keys; a closed server has no need to.
doctor-aliases = By a readable address anybody finds a room, even without signing in.
doctor-room-list = A room in the public list is seen by outsiders.
doctor-directory = Else the search for people shows everybody who has an account.
doctor-push = What people write would go to push servers outside the school.
doctor-key-queries = Else every account learns whether a pupil exists, and on which devices.
doctor-auto-accept = People accept an invite themselves: else they are brought into a room unasked.
doctor-remote-rooms = Else a join asks the servers it names how big the room is, and tells them its id.
doctor-auto-join = One room for all acquaints outsiders with pupils and shows them to each other.
doctor-delayed-events = A delayed event has its effect after somebody's rights were taken.
doctor-encryption = In an encrypted chat the bot cannot read a word.
doctor-identity-server = Clients are pointed to a server of others that learns the e-mail addresses and phones of pupils and parents.
doctor-logging = At level DEBUG the log holds addresses of requests and rows of the database, messages among them.
doctor-retention = Messages are deleted after a while: check that it is long enough for the school.
doctor-legacy = Tokens of appservices would stand in addresses of requests and in logs.
doctor-accounts-elsewhere = Accounts are made there too: see that only the school can.
doctor-experiment = Nobody looked at this experiment: whether it leads around the closed contour is not known.
doctor-msc1767 = Nobody tried whether the contour holds in rooms of this version.
doctor-msc2409 = Other appservices would get what people's devices say to each other.
doctor-msc2815 = A deleted message could be read after it was deleted.
doctor-msc3202 = Other appservices would learn of people's devices and keys.
doctor-msc3720 = Another server would learn which accounts exist.
doctor-msc3814 = A spare device would take messages for somebody who is not online.
doctor-msc3983 = Claims of one-time keys would go to other appservices.
doctor-msc3984 = Queries of keys would go to other appservices.
doctor-msc4108 = Outsiders could talk through the server without any room.
doctor-msc4242 = Nobody tried whether the contour holds in rooms of this version.
doctor-msc4354 = An event would reach those too who join the room later.
doctor-msc4370 = Another server would learn of a room's events.
doctor-msc4388 = Outsiders could talk through the server without any room.
doctor-msc4502 = Queries of members would pass by the check of who may ask.
doctor-msc4512 = Another program would answer requests in the server's place, past the contour.

# The module.
doctor-module = Without the module Synapse keeps nobody out: its checks run inside the server.
doctor-module-worker = This process has a modules section of its own, without our module: by it the contour is open.
doctor-module-bot = The module heeds only its own bot, so it has to be the bridge's.
doctor-module-secret = The module's secret and the bridge's homeserver.extension_secret have to be the same, or the module takes no facts about the school.
doctor-module-before = This module answers before ours. It undoes no refusal of ours, but decides for itself whom to let in.
doctor-module-after = This module answers after ours and works on the same data.
doctor-no-extension = The bridge runs without the module: nothing but their own settings closes the school's rooms.
doctor-shared-secret = The secret of homeserver.yaml and of the bridge's settings has to be the same, or the bridge makes no accounts.
doctor-worker = The file of process { $worker } was not shown, so whether it loads the module is not known. Add it with `--worker-yaml`

# Registrations of appservices.
doctor-registration-file = The registration has to be as `sferum-bridge registration` writes it; what differs is listed.
doctor-registration-missing = Without this registration Synapse does not know the bot and refuses it. `sferum-bridge registration` writes it
doctor-foreign = Appservice { $id } has nothing to do with school accounts.
doctor-foreign-bot = Appservice { $id } can speak in the name of the school's bot. Narrow its namespaces.
doctor-foreign-ghosts = Appservice { $id } commands those who write from Sferum. Narrow its namespaces.
doctor-foreign-accounts = Appservice { $id } gets all that pupils and teachers write and can write for them (accounts: { $number }). Narrow its namespaces.
doctor-foreign-rooms = Appservice { $id } gets everything from school rooms (rooms: { $number }). Narrow its namespaces.
doctor-accounts-unread = The bridge's database cannot be read, so other appservices were compared with the bot alone.

# Doors.
doctor-listener-client = Behind this door is /_synapse/admin too: a reverse proxy has to keep it in.
doctor-listener-metrics = Metrics tell how many people and rooms there are, and when they write.
doctor-listener-manhole = This is full command of the server, without a password of its own.
doctor-listener-replication = Through this door the server is commanded, unless there is a secret.

# The running server.
doctor-answers = The server answers the bridge.
doctor-silent = The server does not answer, so only files were looked at. Start Synapse and try again.
doctor-clock = The clocks of server and bridge are apart; by more than a minute, and the module refuses the bridge.
doctor-facts = The module is loaded, the secret is right, and it has facts about the school.
doctor-facts-missing = The process that answers the bridge has not loaded the module. Add it to homeserver.yaml and restart Synapse.
doctor-facts-unreadable = The module cannot read its facts about the school and lets nobody in. Look into Synapse's log.
doctor-process-missing = Process { $worker } does not report to the module: it is down, or runs without it, and by it the contour is open.
doctor-process-waiting = Process { $worker } still decides by earlier facts about the school. If it goes on so, restart it.
doctor-token = Synapse knows the bridge by its token.
doctor-token-puppet = Synapse knows the bridge when it acts for people.
doctor-registration-live = The server takes registrations; see that nobody gets through unchecked.

# Whom is spoken to, and what for.
doctor-for-homeserver = the Matrix server
doctor-for-sferum = Sferum
doctor-for-mail = mail
doctor-for-database = database
doctor-for-previews = previews of links
doctor-for-scanner = scanning files for viruses
doctor-for-stats = statistics
doctor-for-push = push: the server that a person's client names
doctor-for-errors = reports of errors
doctor-for-media = storage of files
doctor-for-appservice = appservices
doctor-for-federation = other Matrix servers
doctor-for-keys = keys of servers
doctor-for-redis = between processes
doctor-for-worker = another process of Synapse
doctor-for-sign-in = signing in
doctor-for-captcha = telling people from robots
doctor-for-identity = finding people by e-mail and phone
doctor-for-calls = calls (clients speak to it)
doctor-for-clients = clients speak to it
