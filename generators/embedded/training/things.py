"""Things as the embedded network learns them: solids, fruit and animals.

Each takes the size in pixels and `rng` and returns a `Picture`, as in `generators.scenes`.
"""

import numpy as np
from numpy.typing import NDArray

from generators.embedded.training.silhouettes import (
    Points,
    backdrop,
    clipped,
    coat,
    drawn,
    ellipse,
    limb,
    lit_body,
    room,
)
from generators.painting import (
    Colour,
    Picture,
    blend,
    blurred,
    edge,
    grid,
    light,
    palette,
    ramp,
    shade,
    wobble,
)


def solids(size: int, rng: np.random.Generator) -> Picture:
    """Spheres, boxes, cylinders and cones that stand on a floor and cast shadows."""
    picture, horizon = room(size, rng)
    towards = light(rng)
    for depth in np.sort(rng.uniform(horizon + 0.15, 0.95, size=int(rng.integers(1, 4)))):
        centre = float(rng.uniform(-0.65, 0.65))
        half = float(rng.uniform(0.26, 0.52) * (0.7 + 0.3 * (depth - horizon)))
        tall = float(half * rng.uniform(1.2, 2.6))
        colour = palette(2, rng)
        picture = _cast(picture, centre, float(depth), half, tall, towards)
        kind = rng.integers(4)
        if kind == 0:
            picture = _box(picture, (centre, float(depth)), half, tall, towards, colour[0], rng)
        else:
            picture = _round_solid(picture, (centre, float(depth)), half, tall, towards, colour[0],
                                   int(kind))  # fmt: skip
    return clipped(picture)


def _cast(
    picture: Picture,
    centre: float,
    foot: float,
    half: float,
    tall: float,
    towards: NDArray[np.float32],
) -> Picture:
    """Darken the floor where a solid keeps the light away."""
    reach = -0.9 * tall * float(towards[0]) / (0.4 + float(towards[2]))
    tip = np.array([centre + reach, foot - 0.35 * tall])
    shadow = drawn(
        picture.shape[0], limb(np.array([centre, foot - 0.12 * half]), tip, half, 0.7 * half)
    )
    _, y = grid(picture.shape[0])
    on_floor = edge(y - np.float32(foot - 0.5 * tall), 0.1)
    return picture * (1.0 - 0.5 * blurred(shadow, 0.03) * on_floor)[..., None]


def _round_solid(
    picture: Picture,
    foot: tuple[float, float],
    half: float,
    tall: float,
    towards: NDArray[np.float32],
    colour: Colour,
    kind: int,
) -> Picture:
    """Paint a sphere (1), a cylinder (2) or a cone (3)."""
    size = picture.shape[0]
    x, y = grid(size)
    u = (x - np.float32(foot[0])) / np.float32(half)
    if kind == 1:
        v = (y - np.float32(foot[1] - half)) / np.float32(half)
        reach = np.hypot(u, v)
        height = half * np.sqrt(np.clip(1.0 - reach**2, 0.0, 1.0))
        gloss = np.exp(-(((u - 0.5 * towards[0]) ** 2 + (v - 0.5 * towards[1]) ** 2) / 0.05))
        body = (
            colour * shade(height.astype(np.float32), towards)[..., None] + 0.5 * gloss[..., None]
        )
        return blend(picture, body.astype(np.float32), edge((1.0 - reach).astype(np.float32), 0.03))
    up = (np.float32(foot[1]) - y) / np.float32(tall)
    flat = 0.22 * half / tall
    width = np.ones_like(up) if kind == 2 else np.clip(1.0 - up, 1e-3, None)
    across = u / width
    rim = flat * np.sqrt(np.clip(1.0 - across**2, 0.0, 1.0))
    inside = np.minimum(1.0 - np.abs(across), np.minimum(up + rim, 1.0 + rim * (kind == 2) - up))
    mask = edge((inside * 8).astype(np.float32), 0.3)
    facing = across * towards[0] + np.sqrt(np.clip(1.0 - across**2, 0.0, 1.0)) * towards[2]
    body = colour * (0.25 + 0.85 * np.maximum(facing, 0.0))[..., None]
    picture = blend(picture, body.astype(np.float32), mask)
    if kind == 3:
        return picture
    top = np.hypot(u, (up - 1.0) / flat)
    lid = colour * np.float32(0.3 - 0.8 * towards[1])
    return blend(picture, lid.astype(np.float32), edge((1.0 - top).astype(np.float32), 0.06))


def _box(
    picture: Picture,
    foot: tuple[float, float],
    half: float,
    tall: float,
    towards: NDArray[np.float32],
    colour: Colour,
    rng: np.random.Generator,
) -> Picture:
    """Paint a box over its edge: two sides and the top, each in its own light."""
    size, (centre, ground) = picture.shape[0], foot
    share = float(rng.uniform(0.25, 0.75))
    left, right = centre - half, centre + half
    front = left + 2 * half * share
    back = left + 2 * half * (1.0 - share)
    rise = 0.3 * half
    low = [(left, ground - rise * share), (front, ground), (right, ground - rise * (1 - share))]
    high = [(u, v - tall) for u, v in low]
    sides = {
        0.35 - 0.7 * float(towards[0]) + 0.3 * float(towards[2]): [
            low[0],
            low[1],
            high[1],
            high[0],
        ],
        0.36 + 0.7 * float(towards[0]) + 0.3 * float(towards[2]): [
            low[1],
            low[2],
            high[2],
            high[1],
        ],
        0.4 - 0.75 * float(towards[1]): [*high, (back, ground - tall - rise)],
    }
    for brightness, corners in sides.items():
        mask = drawn(size, [np.array(corners)])
        face = colour * np.float32(np.clip(brightness, 0.15, 1.2))
        picture = blend(picture, face.astype(np.float32), mask)
    return picture


def fruit(size: int, rng: np.random.Generator) -> Picture:
    """Paint a few fruits with stalks, near and overlapping, on a table."""
    picture, horizon = room(size, rng)
    x, y = grid(size)
    towards = light(rng)
    hues = np.array([[0.85, 0.15, 0.12], [0.92, 0.55, 0.12], [0.5, 0.7, 0.2], [0.9, 0.8, 0.3],
                     [0.42, 0.15, 0.35]], np.float32)  # fmt: skip
    for depth in np.sort(rng.uniform(max(horizon, 0.0), 0.85, size=int(rng.integers(1, 5)))):
        radius, centre = float(rng.uniform(0.24, 0.45)), float(rng.uniform(-0.6, 0.6))
        u, v = x - np.float32(centre), y - np.float32(depth - 0.85 * radius)
        flat = np.hypot(u + 0.5 * towards[0] * radius, 3.0 * (y - np.float32(depth))) / radius
        dark = 0.6 * blurred(edge((1.0 - flat).astype(np.float32), 0.2), 0.03)
        picture = picture * (1.0 - dark)[..., None]
        angle = np.arctan2(v, u)
        outline = wobble(angle, 0.12, rng) * (1.0 - 0.22 * np.exp(-(((angle + 1.57) / 0.35) ** 2)))
        reach = np.hypot(u, v) / (radius * outline)
        height = radius * np.sqrt(np.clip(1.0 - reach**2, 0.0, 1.0))
        near = np.clip(hues[rng.integers(5)] + rng.normal(0.0, 0.08, (2, 3)), 0.05, 0.95)
        skin = ramp(near.astype(np.float32), 0.5 + 0.35 * v / np.float32(radius))
        gloss = np.hypot(u - 0.45 * radius * towards[0], v - 0.45 * radius * towards[1]) / radius
        body = skin * shade(height.astype(np.float32), towards)[..., None]
        body = body + 0.5 * np.exp(-((gloss / 0.18) ** 2))[..., None]
        picture = blend(
            picture, body.astype(np.float32), edge((1.0 - reach).astype(np.float32), 0.04)
        )
        top = np.array([centre, depth - 1.65 * radius])
        tip = top + np.array([rng.uniform(-0.1, 0.1), -0.12])
        stalk = drawn(size, limb(top + np.array([0.0, 0.05]), tip, 0.02, 0.02))
        picture = blend(picture, np.array([0.25, 0.17, 0.08], np.float32), stalk)
        if rng.random() < 0.5:
            leaf = drawn(size, [ellipse((centre + 0.12, depth - 1.7 * radius), 0.13, 0.05, -0.4)])
            picture = blend(picture, np.array([0.2, 0.42, 0.12], np.float32), leaf)
    return clipped(picture)


def animal(size: int, rng: np.random.Generator) -> Picture:
    """Paint a beast on four legs, a bird or a fish, inflated from its silhouette."""
    flip = float(rng.choice([-1.0, 1.0]))
    kind = rng.integers(3)
    if kind == 0:
        picture, _ = room(size, rng)
        outlines, eye = _beast(rng)
    elif kind == 1:
        picture = backdrop(size, rng)
        outlines, eye = _bird(rng)
    else:
        picture = backdrop(size, rng) * np.array([0.6, 0.85, 1.0], np.float32)
        outlines, eye = _fish(rng)
    scale = float(rng.uniform(0.85, 1.2))
    shift = rng.uniform(-0.15, 0.15, size=2)
    placed = [outline * np.array([flip * scale, scale]) + shift for outline in outlines]
    mask = blurred(drawn(size, placed), 0.004)
    picture = lit_body(picture, mask, coat(size, rng), light(rng), 0.14)
    x, y = grid(size)
    at = eye * np.array([flip * scale, scale]) + shift
    r = np.hypot(x - np.float32(at[0]), y - np.float32(at[1]))
    picture = blend(picture, np.full(3, 0.9, np.float32), edge(np.float32(0.045) - r, 0.01))
    return clipped(blend(picture, np.full(3, 0.03, np.float32), edge(np.float32(0.03) - r, 0.01)))


def _beast(rng: np.random.Generator) -> tuple[list[Points], Points]:
    body_wide, body_high = rng.uniform(0.4, 0.52), rng.uniform(0.17, 0.26)
    legs, neck = rng.uniform(0.3, 0.5), rng.uniform(0.05, 0.4)
    thick = rng.uniform(0.045, 0.08)
    outlines: list[Points] = [ellipse((0.0, 0.0), body_wide, body_high)]
    for place in (-0.8, -0.62, 0.55, 0.75):
        hip = np.array([place * body_wide, 0.5 * body_high])
        foot = hip + np.array([rng.uniform(-0.08, 0.08), legs])
        outlines += limb(hip, foot, 1.5 * thick, thick)
    head = np.array([body_wide + 0.18, -body_high - neck + 0.1])
    outlines += limb(np.array([0.75 * body_wide, -0.2 * body_high]), head, 0.15, 0.1)
    outlines += [ellipse((float(head[0]), float(head[1])), 0.17, 0.13)]
    snout = head + np.array([rng.uniform(0.12, 0.26), rng.uniform(0.03, 0.1)])
    outlines += limb(head, snout, 0.09, 0.06)
    ear = rng.uniform(0.1, 0.26)
    for offset in (-0.1, 0.0):
        base = head + np.array([offset, -0.08])
        outlines.append(base + np.array([[-0.05, 0.0], [-0.02, -ear], [0.06, 0.0]]))
    tail = np.array([-body_wide - rng.uniform(0.1, 0.3), rng.uniform(-0.4, 0.2)])
    outlines += limb(np.array([-0.9 * body_wide, -0.3 * body_high]), tail, 0.05, 0.03)
    shift = np.array([-0.1, -0.1])
    return [outline + shift for outline in outlines], head + np.array([0.06, -0.04]) + shift


def _bird(rng: np.random.Generator) -> tuple[list[Points], Points]:
    tilt = rng.uniform(-0.6, 0.1)
    outlines: list[Points] = [ellipse((0.0, 0.05), rng.uniform(0.4, 0.5), 0.26, tilt)]
    head = np.array([0.42 * np.cos(tilt), 0.4 * np.sin(tilt) - 0.12])
    outlines.append(ellipse((float(head[0]), float(head[1])), 0.18, 0.17))
    beak = rng.uniform(0.25, 0.42)
    outlines.append(head + np.array([[0.12, -0.06], [beak, 0.03], [0.12, 0.08]]))
    end = np.array([-0.85 * np.cos(tilt), 0.1 - 0.6 * np.sin(tilt)])
    outlines += limb(np.array([-0.25, 0.08]), end, 0.14, rng.uniform(0.03, 0.12))
    for place in (-0.05, 0.1):
        knee = np.array([place, 0.25])
        outlines += limb(knee, knee + np.array([0.03, rng.uniform(0.3, 0.45)]), 0.03, 0.02)
    if rng.random() < 0.5:
        tip = np.array([-0.35, rng.uniform(-0.9, -0.5)])
        outlines.append(np.stack([np.array([0.2, -0.05]), tip, np.array([-0.3, 0.1])]))
    return outlines, head + np.array([0.05, -0.03])


def _fish(rng: np.random.Generator) -> tuple[list[Points], Points]:
    wide, high = rng.uniform(0.45, 0.6), rng.uniform(0.18, 0.36)
    tail, fin = rng.uniform(0.15, 0.35), rng.uniform(0.1, 0.3)
    stem = np.array([-0.8 * wide, 0.0])
    outlines: list[Points] = [
        ellipse((0.0, 0.0), wide, high),
        stem + np.array([[0.0, 0.0], [-0.3, -tail], [-0.2, 0.0], [-0.3, tail]]),
        np.array([[0.2, -0.8 * high], [-0.15, -high - fin], [-0.3, -0.6 * high]]),
        np.array([[0.1, 0.8 * high], [-0.15, high + 0.7 * fin], [-0.2, 0.7 * high]]),
    ]
    return outlines, np.array([0.65 * wide, -0.25 * high])
