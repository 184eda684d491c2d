"""Every attack there is, group by group, as in the list of attacks."""

from tests.contour.attacks import (
    a_invites,
    b_joins,
    c_rooms,
    d_people,
    e_reading,
    f_whispers,
    g_files,
    h_ways_out,
    i_federation,
    i_questions,
    k_roles,
    l_memberships,
    m_enrolling,
)

ATTACKS = [
    attack
    for group in (
        a_invites,
        b_joins,
        c_rooms,
        d_people,
        e_reading,
        f_whispers,
        g_files,
        h_ways_out,
        i_federation,
        i_questions,
        k_roles,
        l_memberships,
        m_enrolling,
    )
    for attack in group.attack.attacks
]

__all__ = ["ATTACKS"]
