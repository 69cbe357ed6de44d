"""Searches for the direction of a code, whose norm sets the contrast of its image.

    sphere_cma      SphereCma, SphereCmaOptions; the tangent-mean family is an option of it
    cholesky_sphere SphereCholeskyCmaEs: the angle follows the evidence
    cylinder        CylinderSearch: the norm is searched too, beside the direction
    around_centre   generations that hold a centre first, and how they are weighed
    schedules       AngleSchedule: how far the codes of a generation lie from their centre
    geometry        tangents, arcs and parallel transport

What is left out: limits of the norm for other optimizers; `wrappers.norm_limits` has them.
"""
