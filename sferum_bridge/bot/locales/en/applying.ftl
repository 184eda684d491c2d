# Applications to the school community: what the applicant sees.

apply-role =
    As what do you want to join the school? Tap a number, or write it or the word:

    1. pupil
    2. parent
    3. teacher
    4. staff

    If the school or your child gave you an invite code, no application is needed: just send the code. If you changed your mind, write `cancel`
apply-school = Which school? Write its name or number.
apply-class = Which class? A pupil’s own, or the child’s if you are a parent, for example: `5А`
apply-child = What is the child’s name? Write family name and given name, without digits: `Петрова Анна`
apply-name = What is your name? Write **your own** family name, given name and patronymic, without digits: `Петрова Анна Сергеевна`
apply-check = Please check the application:
apply-check-how = ✅ or `yes` — hand it to the school, ❌ or `cancel` — do not. If something is wrong, begin again: `apply`
apply-sent = The application is handed over, if there is such a school here. A person will look at it, and the answer comes to this chat. Until then there is nothing to do; a new application replaces this one.
apply-gone = This application was handed over or cancelled already. To make a new one, write `apply`
apply-cancelled = Fine, I hand nothing over. Whenever you need it, write `apply`

application-approved = The school approved your application: **{ $name }**. The school’s chats will appear within a minute. Your roles: `who am i`
application-approved-pupil = The school approved your application: **{ $name }**. Your class’s chats will appear within a minute. To bring your parents in, write `invite`
application-approved-parent = The school looked at your application: you can be linked as a parent. One step is left — check the child’s data and confirm them.
application-rejected = The school did not approve the application. If there was a mistake in it, make a new one: `apply`. If you were given an invite code, send it here.
application-reason = Reason: { $reason }
e-role = The application was rejected: it said “pupil”. If you are a parent, ask your child to send you the invite link. You can also apply again: `apply parent`

# What the one who decides sees.

application-ask =
    An application to the school community

    Account: { $account }
application-role = Role: **{ $value }**
application-school = School: { $value }
application-class = Class: { $value }
application-child = Child: { $value }
application-name = Name: **{ $value }**

like-in-class = In the lists: a pupil of this class — { $who }.
like-elsewhere = In the lists: not in this class, but in another — { $who }.
like-parent = In the lists: no such pupil; looks like a parent: { $who }.
like-guardian = In the lists: a parent of that name is there, the child — { $who }.
like-child = In the lists: no parent of that name; the child seems to be { $who }.
like-staff = In the lists: among the staff — { $who }.
like-nobody = In the lists: nobody alike.
like-taken = Careful: this person has an account already. Somebody else may be applying.
application-known = This account is known in the school: { $name }.

application-how =
    All of this was written by the applicant, so please make sure that it is really them. Until you decide they can see nothing.

    ✅ — approve, ❌ — reject. Or by command (behind a rejection you may write the reason):

    ```
    { $approve }
    ```

    ```
    { $reject }
    ```
application-recast =
    🔁 — accept as a parent: I show the applicant the child’s data, and they confirm on their own. Or by command:

    ```
    { $recast }
    ```

application-done = Done: **{ $name }** has joined the school. The chats will appear within a minute.
application-done-parent = Done: I showed the applicant (**{ $name }**) the child’s data ({ $child }). The parent will appear in the profile on confirming them.
application-reject-done = The application is rejected, the applicant will be told.
application-news = By an application the account { $account } was linked: **{ $name }**. If this is a mistake, tell an administrator of the school.
application-news-child = By an application to the school your parent was asked about you, and may confirm to be your parent. The earlier invite no longer works. If you expect nobody, tell your class teacher.

application-administrator = You have no right to do this: the person is not in the list of your class. It can be done by: an administrator of the school.
application-really-a-pupil =
    The lists have no such pupil, and the application looks like a parent’s, so nothing has changed yet. 🔁 — accept as a parent. If it is a new pupil after all, an administrator of the school can put them into the class by command:

    ```
    { $recast }
    ```
application-which-role =
    As what? Name the role: pupil, parent, teacher or staff. For example:

    ```
    { $example }
    ```
application-which-child =
    There is no such child in the lists. Whose parent is it? Add the child’s class and name to the command:

    ```
    { $example }
    ```

    If you do not know, reject the application.
application-no-class = The school has no such class at present, so nothing has changed. Reject the application, and the person can apply again, or put the class into the lists first.
application-taken = This person has an account already: { $name }. I do not link a second one, and nothing has changed. Reject the application if somebody else is applying; if it is a namesake, put them into the school’s lists first.
application-two-people = This account belongs to another person already, and the school’s lists have a separate entry: { $name }. Nothing has changed. Mend the lists so that it is one person, or reject the application.
application-nothing-new = The applicant has this role already. Nothing has changed, the application can be rejected.
application-denied = The school’s lists deny this person access to the child, on grounds kept by the school. Nothing has changed. Reject the application or ask an administrator of the school.
application-full = The child has two parents already, a third cannot be linked. Nothing has changed. If the guardians have changed, an administrator of the school decides that.
application-pupil = The application was made from a pupil’s account, which cannot be a parent. Nothing has changed. Reject it: a parent needs an account of their own.
