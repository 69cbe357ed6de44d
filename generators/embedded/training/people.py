"""People as the embedded network learns them: portraits, hands and eyes.

Each takes the size in pixels and `rng` and returns a `Picture`, as in `generators.scenes`.
"""

import numpy as np
from numpy.typing import NDArray

from generators.embedded.training.silhouettes import (
    Points,
    backdrop,
    clipped,
    drawn,
    ellipse,
    limb,
    lit_body,
)
from generators.painting import (
    Field,
    Picture,
    blend,
    blurred,
    edge,
    grid,
    light,
    noise,
    palette,
    shade,
)

_SKIN = np.array([[0.96, 0.80, 0.69], [0.85, 0.62, 0.48], [0.62, 0.42, 0.30], [0.36, 0.23, 0.16]])
_HAIR = np.array([[0.08, 0.06, 0.05], [0.28, 0.17, 0.09], [0.72, 0.53, 0.28], [0.6, 0.6, 0.6]])


def portrait(size: int, rng: np.random.Generator) -> Picture:
    """Paint head, hair, neck and shoulders, turned to one side by up to three quarters."""
    x, y = grid(size)
    picture, towards = backdrop(size, rng), light(rng)
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
    return clipped(blend(picture, face, edge((1.0 - head).astype(np.float32), 0.04)))


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
    return clipped(face)


def hand(size: int, rng: np.random.Generator) -> Picture:
    """Paint a hand with spread or closed fingers."""
    picture, turn = backdrop(size, rng), float(rng.normal(0.0, 0.5))
    c, s = np.cos(turn), np.sin(turn)
    frame = np.array([[c, s], [-s, c]]) * rng.uniform(0.8, 1.15)
    frame = frame * np.array([[float(rng.choice([-1.0, 1.0]))], [1.0]])
    outlines: list[Points] = [ellipse((0.0, 0.25), 0.27, 0.3)]
    outlines += limb(np.array([0.0, 0.3]), np.array([0.0, 1.3]), 0.2, 0.2)
    spread = rng.uniform(0.05, 0.3)
    for k in range(4):
        angle = spread * (k - 1.5)
        long_by = (0.5, 0.6, 0.57, 0.42)[k] * (rng.uniform(0.2, 0.5) if rng.random() < 0.2 else 1)
        base = np.array([-0.2 + 0.135 * k, 0.06])
        tip = base + long_by * np.array([np.sin(angle), -np.cos(angle)])
        outlines += limb(base, tip, 0.068, 0.055)
    thumb = np.array([-0.24 - 0.25 * rng.random(), rng.uniform(-0.15, 0.1)])
    outlines += limb(np.array([-0.16, 0.35]), thumb, 0.09, 0.06)
    mask = blurred(drawn(size, [outline @ frame for outline in outlines]), 0.004)
    skin = _between(_SKIN, rng) * (1.0 + 0.04 * noise(size, 1.2, rng))[..., None]
    return clipped(lit_body(picture, mask, skin.astype(np.float32), light(rng), 0.07))


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
    return clipped(picture * (1.0 - 0.7 * edge((1.0 - brow).astype(np.float32), 0.5))[..., None])


def _between(colours: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a colour between two neighbours in a list."""
    place = rng.uniform(0, len(colours) - 1.001)
    share = place % 1.0
    mixed = (1.0 - share) * colours[int(place)] + share * colours[int(place) + 1]
    colour: NDArray[np.float32] = mixed.astype(np.float32)
    return colour
