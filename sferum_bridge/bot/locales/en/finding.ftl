# Who is meant.

find-nobody = Nobody fits. Write given and family name as in the school’s lists, and the class, for example: `5А Петрова Анна`
find-which = Several people fit. Whom do you mean? Tap a number or write it:
find-one = { $number } **{ $name }**, { $class }
find-more = …and { $more } more. Add a name or a class.
find-page =
    { $all ->
        [one] { $all } person found:
       *[other] { $all } people found:
    }
find-line = **{ $name }**, { $class }
find-not-allowed = Pupils can be searched by the class teacher (in the own class) and the school’s administrator.
