# Names of spaces and rooms, and why somebody is in them.

room-gate = Служебная комната помощника
room-school = { $school }
room-staff = Учительская
room-announcements = Объявления
room-class = { $class }
room-pupils = { $class } · ученики
room-parents = { $class } · родители
room-materials = { $class } · материалы

class-merged = { $class } ({ $year })
class-graduated = Выпуск { $summer } · { $class }
class-gone = Класс удалён

reason-administrators = вы администратор школы
reason-staff = вы работаете в школе
reason-leaders = вы классный руководитель: { $class }
reason-leaders-acting = вы исполняете обязанности классного руководителя, пока он не назначен: { $class }
reason-teachers =
    { $has_subject ->
        [0] вы преподаёте: { $class }
       *[other] вы преподаёте: { $class }, { $subject }
    }
reason-pupils = вы учитесь: { $class }
reason-parents = вы родитель: { $child }, { $class }
reason-reading = вы были в этом классе: { $class }; его чаты можно читать до { DATETIME($until, dateStyle: "long") }

why = Вот почему вы состоите в чатах школы:
why-room = Вы в чате «{ $room }», потому что:
why-not =
    Сейчас я не вижу причины, по которой вы состоите в этом чате. Если вы должны в нём быть, напишите администратору школы, а свои роли можно посмотреть так: `кто я`
