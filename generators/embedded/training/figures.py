"""Figures that the embedded network learns beside `generators.scenes`: portraits, solids, animals.

Silhouettes are drawn as outlines and inflated to bodies in light and shade. Each function takes
the size in pixels and `rng` and returns a `Picture`, as in `generators.scenes`. The share of each
kind is decided in `pictures`.
"""

from collections.abc import Sequence

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from generators.painting import (
    Colour,
    Field,
    Picture,
    blend,
    blurred,
    edge,
    grid,
    light,
    noise,
    palette,
    ramp,
    shade,
    wobble,
)

_Points = NDArray[np.floating]
_SKIN = np.array([[0.96, 0.80, 0.69], [0.85, 0.62, 0.48], [0.62, 0.42, 0.30], [0.36, 0.23, 0.16]])
_HAIR = np.array([[0.08, 0.06, 0.05], [0.28, 0.17, 0.09], [0.72, 0.53, 0.28], [0.6, 0.6, 0.6]])


def _clipped(colours: NDArray[np.floating]) -> Picture:
    clipped: Picture = np.clip(colours, 0.0, 1.0).astype(np.float32)
    return clipped


def _backdrop(size: int, rng: np.random.Generator) -> Picture:
    """Soft ground: a plain, a ramp or blotches of two near colours."""
    x, y = grid(size)
    colours = palette(2, rng)
    colours[1] = 0.5 * colours.sum(axis=0)
    way = rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y
    blotches = rng.uniform(0.0, 0.2) * noise(size, 1.8, rng)
    return ramp(colours, (0.5 + 0.3 * way + blotches).astype(np.float32))


def _room(size: int, rng: np.random.Generator) -> tuple[Picture, float]:
    """Wall above floor, and how high up the floor ends."""
    _, y = grid(size)
    colours = palette(2, rng)
    horizon = float(rng.uniform(-0.4, 0.3))
    grain = 0.06 * noise(size, 1.2, rng, 3.0, 0.0)
    wall = colours[0] * (0.9 - 0.15 * y)[..., None]
    floor = colours[1] * (0.75 + 0.25 * (y - horizon) + grain)[..., None]
    return blend(wall, floor, edge(y - np.float32(horizon), 0.04)), horizon


def _drawn(size: int, outlines: Sequence[_Points]) -> Field:
    """Union of closed outlines ``(n, 2)`` in coordinates of the picture, 1 inside."""
    canvas = Image.new("L", (size, size))
    draw = ImageDraw.Draw(canvas)
    for outline in outlines:
        draw.polygon([(float(u), float(v)) for u, v in (outline + 1.0) * size / 2], fill=255)
    return np.asarray(canvas, dtype=np.float32) / np.float32(255.0)


def _ellipse(
    centre: tuple[float, float], wide: float, high: float, turn_rad: float = 0.0
) -> _Points:
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    u, v = wide * np.cos(angles), high * np.sin(angles)
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    return np.stack([centre[0] + c * u - s * v, centre[1] + s * u + c * v], axis=1)


def _limb(start: _Points, end: _Points, first: float, last: float) -> list[_Points]:
    """Outline of a tapering limb with round ends."""
    along = end - start
    length = float(np.hypot(along[0], along[1])) + 1e-6
    side = np.array([-along[1], along[0]]) / length
    sides = np.stack(
        [start + first * side, end + last * side, end - last * side, start - first * side]
    )
    ends = [((start[0], start[1]), first), ((end[0], end[1]), last)]
    return [sides, *(_ellipse((float(u), float(v)), r, r) for (u, v), r in ends)]


def _inflated(mask: Field, thickness: float) -> Field:
    """Height of a body with this silhouette: round at the rim, flat beyond `thickness` of it."""
    depth = scipy.ndimage.distance_transform_edt(mask > 0.5) * (2.0 / mask.shape[0])
    inward = np.clip(depth / thickness, 0.0, 1.0)
    return blurred((thickness * np.sqrt(inward * (2.0 - inward))).astype(np.float32), 0.015)


def _coat(size: int, rng: np.random.Generator) -> Picture:
    """Plain, patched, spotted or striped colour of a body."""
    colours = palette(3, rng)
    kind = rng.integers(4)
    if kind == 0:
        return ramp(colours[:2], 0.5 + 0.08 * noise(size, 1.4, rng))
    if kind == 1:
        return ramp(colours[:2], edge(noise(size, 2.2, rng), 0.4))
    if kind == 2:
        return ramp(colours[:2], edge(noise(size, 1.3, rng) - np.float32(0.8), 0.4))
    x, y = grid(size)
    way = rng.uniform(0, np.pi)
    phase = x * np.cos(way) + y * np.sin(way) + 0.05 * noise(size, 2.2, rng)
    return ramp(colours[:2], (0.5 + np.sin(rng.uniform(15.0, 40.0) * phase)).astype(np.float32))


def _lit_body(
    picture: Picture, mask: Field, coat: Picture, towards: NDArray[np.float32], thickness: float
) -> Picture:
    """Lay a body over the picture: a soft shadow behind it, then its surface in light."""
    size = picture.shape[0]
    moved = scipy.ndimage.shift(mask, -0.06 * size * towards[1::-1], order=0)
    picture = picture * (1.0 - 0.4 * blurred(moved, 0.05))[..., None]
    height = _inflated(mask, thickness)
    return blend(picture, (coat * shade(height, towards)[..., None]).astype(np.float32), mask)


def portrait(size: int, rng: np.random.Generator) -> Picture:
    """Paint head, hair, neck and shoulders, turned to one side by up to three quarters."""
    x, y = grid(size)
    picture, towards = _backdrop(size, rng), light(rng)
    turn = float(rng.uniform(-0.9, 0.9))
    scale = float(rng.uniform(0.75, 1.15))
    u = (x - np.float32(rng.uniform(-0.2, 0.2))) / np.float32(scale)
    v = (y - np.float32(rng.uniform(-0.15, 0.15))) / np.float32(scale)
    skin = _between(_SKIN, rng) * rng.uniform(0.85, 1.1)
    hair = _between(_HAIR, rng) * (1.0 + 0.25 * noise(size, 1.2, rng, 5.0, 1.3))[..., None]
    wide, long_by = rng.uniform(0.42, 0.52), rng.uniform(-0.2, 0.75)
    hair = hair.astype(np.float32)
    if long_by > 0.1:
        fall = np.hypot(u / (wide + 0.16), np.maximum(v + 0.15, 0) / (0.3 + long_by))
        fall = np.where(v < -0.15, np.hypot(u / (wide + 0.16), (v + 0.15) / 0.55), fall)
        picture = blend(picture, hair * np.float32(0.7), edge((1.0 - fall).astype(np.float32), 0.1))
    neck = edge((0.2 - np.abs(u) + 0.1 * np.maximum(v - 0.6, 0)).astype(np.float32), 0.04)
    neck = neck * edge(v - np.float32(0.3), 0.1)
    picture = blend(picture, (skin * (0.72 + 0.25 * towards[0] * u)[..., None]), neck)
    cloth = palette(1, rng)[0] * (0.85 + 0.1 * noise(size, 1.4, rng))[..., None]
    shoulders = edge((v - 0.78 - 0.35 * u**2).astype(np.float32), 0.05)
    picture = blend(picture, cloth.astype(np.float32), shoulders)
    head = np.hypot(u / wide, v / np.where(v > 0, 0.66, 0.6))
    height = 0.5 * np.sqrt(np.clip(1.0 - head**2.3, 0.0, 1.0))
    middle = u - np.float32(0.5 * wide * turn)
    height += 0.13 * np.exp(-((middle / 0.07) ** 2) - ((v - 0.1) / 0.17) ** 2)
    lit = shade(height.astype(np.float32), towards)[..., None]
    face = _with_features((skin * lit).astype(np.float32), middle, v, turn, rng)
    fringe = rng.uniform(-0.42, -0.26) - v + rng.uniform(-0.5, 0.9) * u**2 + 0.3 * turn * u
    face = blend(face, hair * (0.4 + 0.6 * lit), edge(fringe.astype(np.float32), 0.06))
    crown = np.hypot(u / (wide + 0.06), (v + 0.12) / 0.58)
    cap = edge((1.0 - crown).astype(np.float32), 0.06) * edge((-0.1 - v).astype(np.float32), 0.2)
    if rng.random() < 0.9:
        picture = blend(picture, hair * (0.4 + 0.5 * lit), cap)
    return _clipped(blend(picture, face, edge((1.0 - head).astype(np.float32), 0.04)))


def _between(colours: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a colour between two neighbours in a list."""
    place = rng.uniform(0, len(colours) - 1.001)
    share = place % 1.0
    mixed = (1.0 - share) * colours[int(place)] + share * colours[int(place) + 1]
    colour: NDArray[np.float32] = mixed.astype(np.float32)
    return colour


def _with_features(
    face: Picture, u: Field, v: Field, turn: float, rng: np.random.Generator
) -> Picture:
    """Paint eyes, brows, the nose's shadow and a mouth about the middle line ``u == 0``."""
    iris, eye_v = palette(1, rng)[0], float(rng.uniform(-0.14, -0.06))
    gaze, apart = float(rng.uniform(-0.03, 0.03)), float(rng.uniform(0.19, 0.23))
    lid = float(rng.uniform(0.35, 0.65))
    for side in (-1, 1):
        nearness = 1.0 - 0.35 * max(0.0, side * turn)
        du, dv = (u - np.float32(side * apart * nearness)) / np.float32(nearness), v - eye_v
        socket = np.hypot(du / 0.15, dv / 0.1)
        face = face * (1.0 - 0.35 * np.exp(-(socket**2)))[..., None]
        ball = edge((1.0 - np.hypot(du / 0.11, dv / (0.11 * lid))).astype(np.float32), 0.15)
        r = (np.hypot(du - gaze, dv) / 0.05)[..., None]
        eye = np.where(r < 0.5, 0.04, np.where(r < 1.0, iris * 0.7, 0.92)).astype(np.float32)
        face = blend(face, eye, ball)
        brow = np.hypot(du / 0.14, (dv + 0.12 + 1.2 * du**2) / 0.028)
        face = face * (1.0 - 0.6 * edge((1.0 - brow).astype(np.float32), 0.5))[..., None]
    under = np.hypot(u / 0.09, (v - 0.22) / 0.035)
    face = face * (1.0 - 0.4 * np.exp(-(under**2)))[..., None]
    smile, open_by = float(rng.uniform(-0.8, 1.5)), float(rng.uniform(0.025, 0.07))
    mouth = np.hypot(u / 0.16, (v - 0.38 + smile * u**2) / open_by)
    lips = np.array([0.62, 0.24, 0.22], np.float32) * np.float32(rng.uniform(0.55, 1.0))
    face = blend(face, lips, 0.85 * edge((1.0 - mouth).astype(np.float32), 0.4))
    if open_by > 0.055:
        teeth = edge((0.5 - mouth).astype(np.float32), 0.3)
        face = blend(face, np.array([0.95, 0.93, 0.9], np.float32), teeth)
    return _clipped(face)


def solids(size: int, rng: np.random.Generator) -> Picture:
    """Spheres, boxes, cylinders and cones that stand on a floor and cast shadows."""
    picture, horizon = _room(size, rng)
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
    return _clipped(picture)


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
    shadow = _drawn(
        picture.shape[0], _limb(np.array([centre, foot - 0.12 * half]), tip, half, 0.7 * half)
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
        mask = _drawn(size, [np.array(corners)])
        face = colour * np.float32(np.clip(brightness, 0.15, 1.2))
        picture = blend(picture, face.astype(np.float32), mask)
    return picture


def animal(size: int, rng: np.random.Generator) -> Picture:
    """Paint a beast on four legs, a bird or a fish, inflated from its silhouette."""
    flip = float(rng.choice([-1.0, 1.0]))
    kind = rng.integers(3)
    if kind == 0:
        picture, _ = _room(size, rng)
        outlines, eye = _beast(rng)
    elif kind == 1:
        picture = _backdrop(size, rng)
        outlines, eye = _bird(rng)
    else:
        picture = _backdrop(size, rng) * np.array([0.6, 0.85, 1.0], np.float32)
        outlines, eye = _fish(rng)
    scale = float(rng.uniform(0.85, 1.2))
    shift = rng.uniform(-0.15, 0.15, size=2)
    placed = [outline * np.array([flip * scale, scale]) + shift for outline in outlines]
    mask = blurred(_drawn(size, placed), 0.004)
    picture = _lit_body(picture, mask, _coat(size, rng), light(rng), 0.14)
    x, y = grid(size)
    at = eye * np.array([flip * scale, scale]) + shift
    r = np.hypot(x - np.float32(at[0]), y - np.float32(at[1]))
    picture = blend(picture, np.full(3, 0.9, np.float32), edge(np.float32(0.045) - r, 0.01))
    return _clipped(blend(picture, np.full(3, 0.03, np.float32), edge(np.float32(0.03) - r, 0.01)))


def _beast(rng: np.random.Generator) -> tuple[list[_Points], _Points]:
    body_wide, body_high = rng.uniform(0.4, 0.52), rng.uniform(0.17, 0.26)
    legs, neck = rng.uniform(0.3, 0.5), rng.uniform(0.05, 0.4)
    thick = rng.uniform(0.045, 0.08)
    outlines: list[_Points] = [_ellipse((0.0, 0.0), body_wide, body_high)]
    for place in (-0.8, -0.62, 0.55, 0.75):
        hip = np.array([place * body_wide, 0.5 * body_high])
        foot = hip + np.array([rng.uniform(-0.08, 0.08), legs])
        outlines += _limb(hip, foot, 1.5 * thick, thick)
    head = np.array([body_wide + 0.18, -body_high - neck + 0.1])
    outlines += _limb(np.array([0.75 * body_wide, -0.2 * body_high]), head, 0.15, 0.1)
    outlines += [_ellipse((float(head[0]), float(head[1])), 0.17, 0.13)]
    snout = head + np.array([rng.uniform(0.12, 0.26), rng.uniform(0.03, 0.1)])
    outlines += _limb(head, snout, 0.09, 0.06)
    ear = rng.uniform(0.1, 0.26)
    for offset in (-0.1, 0.0):
        base = head + np.array([offset, -0.08])
        outlines.append(base + np.array([[-0.05, 0.0], [-0.02, -ear], [0.06, 0.0]]))
    tail = np.array([-body_wide - rng.uniform(0.1, 0.3), rng.uniform(-0.4, 0.2)])
    outlines += _limb(np.array([-0.9 * body_wide, -0.3 * body_high]), tail, 0.05, 0.03)
    shift = np.array([-0.1, -0.1])
    return [outline + shift for outline in outlines], head + np.array([0.06, -0.04]) + shift


def _bird(rng: np.random.Generator) -> tuple[list[_Points], _Points]:
    tilt = rng.uniform(-0.6, 0.1)
    outlines: list[_Points] = [_ellipse((0.0, 0.05), rng.uniform(0.4, 0.5), 0.26, tilt)]
    head = np.array([0.42 * np.cos(tilt), 0.4 * np.sin(tilt) - 0.12])
    outlines.append(_ellipse((float(head[0]), float(head[1])), 0.18, 0.17))
    beak = rng.uniform(0.25, 0.42)
    outlines.append(head + np.array([[0.12, -0.06], [beak, 0.03], [0.12, 0.08]]))
    end = np.array([-0.85 * np.cos(tilt), 0.1 - 0.6 * np.sin(tilt)])
    outlines += _limb(np.array([-0.25, 0.08]), end, 0.14, rng.uniform(0.03, 0.12))
    for place in (-0.05, 0.1):
        knee = np.array([place, 0.25])
        outlines += _limb(knee, knee + np.array([0.03, rng.uniform(0.3, 0.45)]), 0.03, 0.02)
    if rng.random() < 0.5:
        tip = np.array([-0.35, rng.uniform(-0.9, -0.5)])
        outlines.append(np.stack([np.array([0.2, -0.05]), tip, np.array([-0.3, 0.1])]))
    return outlines, head + np.array([0.05, -0.03])


def _fish(rng: np.random.Generator) -> tuple[list[_Points], _Points]:
    wide, high = rng.uniform(0.45, 0.6), rng.uniform(0.18, 0.36)
    tail, fin = rng.uniform(0.15, 0.35), rng.uniform(0.1, 0.3)
    stem = np.array([-0.8 * wide, 0.0])
    outlines: list[_Points] = [
        _ellipse((0.0, 0.0), wide, high),
        stem + np.array([[0.0, 0.0], [-0.3, -tail], [-0.2, 0.0], [-0.3, tail]]),
        np.array([[0.2, -0.8 * high], [-0.15, -high - fin], [-0.3, -0.6 * high]]),
        np.array([[0.1, 0.8 * high], [-0.15, high + 0.7 * fin], [-0.2, 0.7 * high]]),
    ]
    return outlines, np.array([0.65 * wide, -0.25 * high])


def hand(size: int, rng: np.random.Generator) -> Picture:
    """Paint a hand with spread or closed fingers."""
    picture, turn = _backdrop(size, rng), float(rng.normal(0.0, 0.5))
    c, s = np.cos(turn), np.sin(turn)
    frame = np.array([[c, s], [-s, c]]) * rng.uniform(0.8, 1.15)
    frame = frame * np.array([[float(rng.choice([-1.0, 1.0]))], [1.0]])
    outlines: list[_Points] = [_ellipse((0.0, 0.25), 0.27, 0.3)]
    outlines += _limb(np.array([0.0, 0.3]), np.array([0.0, 1.3]), 0.2, 0.2)
    spread = rng.uniform(0.05, 0.3)
    for k in range(4):
        angle = spread * (k - 1.5)
        long_by = (0.5, 0.6, 0.57, 0.42)[k] * (rng.uniform(0.2, 0.5) if rng.random() < 0.2 else 1)
        base = np.array([-0.2 + 0.135 * k, 0.06])
        tip = base + long_by * np.array([np.sin(angle), -np.cos(angle)])
        outlines += _limb(base, tip, 0.068, 0.055)
    thumb = np.array([-0.24 - 0.25 * rng.random(), rng.uniform(-0.15, 0.1)])
    outlines += _limb(np.array([-0.16, 0.35]), thumb, 0.09, 0.06)
    mask = blurred(_drawn(size, [outline @ frame for outline in outlines]), 0.004)
    skin = _between(_SKIN, rng) * (1.0 + 0.04 * noise(size, 1.2, rng))[..., None]
    return _clipped(_lit_body(picture, mask, skin.astype(np.float32), light(rng), 0.07))


def eye(size: int, rng: np.random.Generator) -> Picture:
    """Paint one eye from near: lids, lashes' shadow, iris and pupil."""
    x, y = grid(size)
    skin = _between(_SKIN, rng) * (0.9 + 0.05 * noise(size, 1.2, rng))[..., None]
    scale = np.float32(rng.uniform(0.5, 1.0))
    u = (x - np.float32(rng.uniform(-0.25, 0.25))) / scale
    v = (y - np.float32(rng.uniform(-0.2, 0.2))) / scale
    upper, lower = rng.uniform(0.3, 0.5), rng.uniform(0.2, 0.35)
    almond = np.minimum(v + upper * (1.0 - u**2 / 0.6), lower * (1.0 - u**2 / 0.6) - v)
    crease = np.exp(-(((v + (upper + 0.14) * (1.0 - u**2 / 1.1)) / 0.04) ** 2))
    lids = skin * (1.0 - 0.35 * crease - 0.3 * np.exp(-((almond / 0.2) ** 2)))[..., None]
    at = np.hypot(u - rng.uniform(-0.25, 0.25), v + rng.uniform(-0.06, 0.06))
    iris = palette(1, rng)[0] * (0.75 + 0.2 * noise(size, 0.8, rng))[..., None]
    white = (0.92 * (1.0 - 0.4 * np.exp(-(almond / 0.08))))[..., None].repeat(3, axis=2)
    big = rng.uniform(0.24, 0.32)
    ball = blend(white.astype(np.float32), iris.astype(np.float32),
                 edge((big - at).astype(np.float32), 0.04))  # fmt: skip
    pupil = edge((rng.uniform(0.08, 0.16) - at).astype(np.float32), 0.03)
    ball = blend(ball, np.full(3, 0.02, np.float32), pupil)
    glint = edge((0.04 - np.hypot(u - 0.08, v + 0.1)).astype(np.float32), 0.02)
    ball = blend(ball, np.ones(3, np.float32), glint)
    inside = edge(almond.astype(np.float32), 0.04)
    lash = np.exp(-((almond / 0.035) ** 2)) * (v < 0)
    picture = blend(lids.astype(np.float32), ball, inside) * (1.0 - 0.8 * lash)[..., None]
    brow = np.hypot(u / 0.8, (v + upper + 0.42 + 0.15 * u**2) / 0.08)
    return _clipped(picture * (1.0 - 0.7 * edge((1.0 - brow).astype(np.float32), 0.5))[..., None])


def fruit(size: int, rng: np.random.Generator) -> Picture:
    """Paint a few fruits with stalks, near and overlapping, on a table."""
    picture, horizon = _room(size, rng)
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
        stalk = _drawn(size, _limb(top + np.array([0.0, 0.05]), tip, 0.02, 0.02))
        picture = blend(picture, np.array([0.25, 0.17, 0.08], np.float32), stalk)
        if rng.random() < 0.5:
            leaf = _drawn(size, [_ellipse((centre + 0.12, depth - 1.7 * radius), 0.13, 0.05, -0.4)])
            picture = blend(picture, np.array([0.2, 0.42, 0.12], np.float32), leaf)
    return _clipped(picture)
