"""Searches on a sphere: the norm of a code, its contrast, is kept, and its direction evolves.

    sphere_cma    SphereCma, SphereCmaOptions; the tangent-mean family is an option of it
    schedules     AngleSchedule: how far the codes of a generation lie from their centre
    geometry      tangents, arcs and parallel transport

What is left out: a limit on the norm for searches that change it.
"""
