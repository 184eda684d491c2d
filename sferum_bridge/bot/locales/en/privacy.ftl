# The log; handing out and erasing data.

journal = **Log**, the newest first:
journal-line = { DATETIME($at, dateStyle: "medium", timeStyle: "short") } · { $who }: { $what } · { $whom }
journal-line-why = { DATETIME($at, dateStyle: "medium", timeStyle: "short") } · { $who }: { $what } · { $whom } · { $why }
journal-more = More: ⏭ or `{ $command }`
journal-empty = There are no records here.
journal-action = { $action }
journal-console = the system’s operator
journal-bot = the school’s bot
journal-not-allowed = You have no right to do this. The school’s log is read by the school’s administrator. Pupils and parents can see what was done with their own profile: `journal`

export-done = Done: everything that is kept ({ $name }). One file is to read, the other for programs. The index of messages in the school’s rooms (where and when, not what) is added by the school’s administrator if you ask. Please do not forward these files to rooms of several people.
export-not-allowed = You have no right to do this. You get your own data with `export`. A child’s data are given to a linked parent, the school’s to the school’s administrator.

erase-ask =
    You ask to have all data erased: **{ $name }**

    Name, date of birth, contacts, links of parents and children, invites, applications and the chat with me will be destroyed. Roles at school end, the school’s rooms close, the account is closed. This cannot be undone.
erase-stays = What stays: the log of actions and the register of consents (numbers, no names), what other people wrote; messages already read stay with those who saw them; the school’s backups until their time is over.
erase-stays-school = What stays: profile and Matrix account (they are the person’s, not the school’s), the log of actions and the register of consents (numbers, no names), messages, the school’s backups until their time is over.
erase-how =
    The school’s administrator decides; nothing changes before.

    - ✅ or `confirm` — send the request
    - ❌ or `cancel` — do nothing
erase-opened = The request is taken ({ $name }). The school’s administrator will look at it; the data will be erased by { DATETIME($until, dateStyle: "long") }. Nothing has changed yet. I will tell you what was decided.
erase-cancelled = All right, nothing has changed.
erase-not-allowed = You have no right to do this. Erasure is asked for by the person (`erase`) or by a linked parent of a child (`erase` and the name). The school’s administrator helps everybody else.
erase-nowhere = No school here keeps anything about you, so there is nobody to decide. To close the account, turn to: { $contact }
erase-decide =
    A request to erase all data: **{ $name }**

    Asked by: { $by }
    The law gives thirty days for it: by { DATETIME($until, dateStyle: "long") }

    ✅ — agree, ❌ — refuse. Or by command (a reason may follow the refusal):

    ```
    { $approve }
    ```

    ```
    { $reject }
    ```
asks-self = the person
asks-parent = a parent
asks-former-parent = a parent who left on their own
erase-approved =
    Noted. The data are erased by whoever runs the system. Give them this command (at first it only shows what would be destroyed):

    ```
    { $command }
    ```
erase-rejected = Noted: the erasure is refused. Whoever asked will be told.
erase-approved-news = The school’s administrator agreed to erase the data. It will happen within days.
erase-rejected-news = The school’s administrator did not agree to erase the data: the school needs them. Please ask the school’s administrator on what ground.
erase-rejected-why = The school’s administrator did not agree to erase the data. Reason: { $reason }

paper-made = Made { $made }. Other people are named by their role; none of their data are here.

paper-export = Data about a person
paper-profile = Profile
paper-contacts = Contacts
paper-accounts = Matrix accounts
paper-logins = Sferum logins
paper-roles = Roles at school
paper-family = Family
paper-guardians = In the school’s list
paper-exceptions = Exceptions
paper-consents = Consents
paper-corrections = Corrections
paper-cases = Applications and requests
paper-invites = Invites issued
paper-rooms = The school’s rooms
paper-openings = Access in an emergency
paper-journal = What was done with the data
paper-messages = Messages in the school’s rooms
paper-none = None.

paper-room-school = the school’s space
paper-room-staff = the staff room
paper-room-announcements = announcements
paper-room-class = the class’s space
paper-room-pupils = the class’s pupils
paper-room-parents = the class’s parents
paper-room-materials = the class’s materials

column-family_name = Family name
column-given_name = Given name
column-middle_name = Patronymic
column-birth_date = Date of birth
column-language = Language
column-kind = Kind
column-value = Value
column-account = Account
column-since = Since
column-until = Until
column-network = Network
column-name = Name
column-school = School
column-class = Class
column-post = Post
column-subject = Subject
column-who = Who
column-state = State
column-relation = Relation
column-about = About
column-by = By
column-text = Text
column-field = Field
column-roster_value = In the school’s list
column-content = Content
column-revoked_at = Revoked
column-at = When
column-action = Action
column-room = Room
column-event = Message id
column-category = Category
column-number = Records
column-record = Record
column-actor = Who
column-person = About
column-reason = Reason
column-hash = Hash

value-self = you
value-parent = a parent
value-child = a child
value-school = somebody of the school
value-operator = the system’s operator
value-bridge = the school’s bot
value-other = —
value-email = e-mail
value-phone = phone
value-enrolment = pupil
value-appointment = appointment
value-leadership = class teacher
value-teaching = teaching
value-administrator = administrator
value-teacher = teacher
value-staff = staff
value-pending = waits to be checked
value-active = active
value-ended = ended
value-open = open
value-approved = approved
value-rejected = rejected
value-withdrawn = withdrawn
value-application = application
value-correction = correction
value-removal = removal of a parent
value-erasure = erasure
value-mother = mother
value-father = father
value-guardian = guardian
value-trustee = trustee
value-family_name = family name
value-given_name = given name
value-middle_name = patronymic
value-birth_date = date of birth

act-title = Act of destruction of personal data
act-operator = Operator (name, address)
act-subject = Subject (id in the system)
act-system = Information system
act-method = Method
act-reason = Reason
act-date = Date of destruction
act-by = Carried out by (name, post)
act-accounts_closed = Accounts closed
act-accounts_elsewhere = Accounts of other servers forgotten
act-accounts_left = Accounts left to close by hand
act-destroyed = Categories destroyed
act-stays = What stays
act-log = Extract of the event log
act-signature = Signature: ____________________ Date: ____________
act-destruction = rows deleted or overwritten; Matrix accounts deactivated with their profile erased
act-destruction-school = rows of the school deleted

erased-profile = name, date of birth, language
erased-contacts = e-mail and phone
erased-accounts = Matrix accounts
erased-roster_ids = ids in the school’s lists
erased-roles = roles in a school (ended)
erased-links = parent links
erased-guardians = guardians in the school’s list
erased-exceptions = exceptions
erased-corrections = corrections
erased-invites = parent invites
erased-pupil_invites = pupil invites
erased-mails = letters
erased-logins = Sferum logins
erased-dialogues = open questions of the bot
erased-direct_rooms = chats with the bot
erased-openings = accesses in an emergency
erased-cases = applications and requests

side-self = you
side-parent = a parent
side-child = a child
side-school = somebody of the school
side-operator = the system’s operator
side-bridge = the school’s bot
side-other = —

action-account-close = account closed
action-account-untie = account no longer tied to a person
action-account-tie = account tied to a person
action-application-open = application made
action-application-approved = application approved
action-application-rejected = application rejected
action-application-withdrawn = application withdrawn
action-appointment-add = appointed
action-appointment-end = appointment ended
action-assignment-end = role ended
action-audit-head = count of the log begun
action-chat-link = Sferum chat linked to a room
action-consent-give = consent given
action-consent-withdraw = consent withdrawn
action-correction-open = correction asked for
action-correction-approved = correction approved
action-correction-rejected = correction rejected
action-correction-withdrawn = correction withdrawn
action-correction-drop = correction no longer needed
action-enrolment-add = enrolled
action-enrolment-end = enrolment ended
action-erasure-open = erasure asked for
action-erasure-approved = erasure approved
action-erasure-rejected = erasure rejected
action-erasure-withdrawn = erasure withdrawn
action-guardian-remove = guardian taken off the school’s list
action-invite-issue = parent invite issued
action-invite-open = invite opened, the child’s data shown
action-invite-refused = invite refused
action-invite-revoke = invite revoked
action-journal-read = log read
action-leadership-add = made class teacher
action-leadership-end = class teacher no longer
action-parent-active = parent linked
action-parent-approve = parent approved
action-parent-doubt = doubted to be a parent
action-parent-exception = exception made for an adult
action-parent-pending = parent waits to be checked
action-parent-restore = parent link restored
action-parent-unlink = parent unlinked
action-person-correct = data corrected
action-person-find = shown in a search
action-privacy-erase = data destroyed
action-privacy-export = data handed out
action-privacy-readmit = may be in a list again
action-pupil-invite-issue = pupil invite issued
action-pupil-invite-open = pupil invite opened, the pupil’s data shown
action-pupil-invite-revoke = pupil invite revoked
action-removal-open = removal of a parent asked for
action-removal-approved = removal of a parent approved
action-removal-rejected = removal of a parent rejected
action-removal-withdrawn = removal of a parent withdrawn
action-roster-apply = written from the school’s list
action-teaching-add = subject given
action-teaching-end = teaching ended
