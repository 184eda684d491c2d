# Names of spaces and rooms, and why somebody is in them.

room-gate = The assistant’s service room
room-school = { $school }
room-staff = Staff room
room-announcements = Announcements
room-class = { $class }
room-pupils = { $class } · pupils
room-parents = { $class } · parents
room-materials = { $class } · materials

class-merged = { $class } ({ $year })
class-graduated = Class of { $summer } · { $class }
class-gone = Class removed

reason-administrators = you administer the school
reason-staff = you work at the school
reason-leaders = you are the class teacher: { $class }
reason-leaders-acting = you stand in for the class teacher until there is one: { $class }
reason-teachers =
    { $has_subject ->
        [0] you teach: { $class }
       *[other] you teach: { $class }, { $subject }
    }
reason-pupils = you are a pupil: { $class }
reason-parents = you are a parent: { $child }, { $class }
reason-reading = you were in this class: { $class }; its chats can be read until { DATETIME($until, dateStyle: "long") }

why = This is why you are in the school’s chats:
why-room = You are in “{ $room }” because:
why-not =
    Right now I see no reason for you to be in this chat. If you should be in it, write to the school’s administrator; to see your roles, write `whoami`
