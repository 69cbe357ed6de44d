"""The kinds of picture that the project paints: texture, still life, landscape and others.

Each function takes the size in pixels and `rng`, and returns a `Picture` (float32, 0..1). They are
drawn to have the structure that matters for visual neurons (edges, occlusion, shading, texture,
colour, many scales), not to fool a person. Choosing among them is `generators.procedural`'s task.
"""

import numpy as np
import scipy  # loads its parts when they are first used, so that commands start at once
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


def _clipped(colours: NDArray[np.floating]) -> NDArray[np.float32]:
    clipped: NDArray[np.float32] = np.clip(colours, 0.0, 1.0).astype(np.float32)
    return clipped


def dead_leaves(size: int, rng: np.random.Generator) -> Picture:
    """Opaque shapes of all sizes that cover each other (Lee, Mumford & Huang 2001).

    Radii follow ``r ** -3`` between bounds, which gives about the scaling of natural scenes.
    """
    colours = palette(12, rng)
    picture = np.broadcast_to(colours[0], (size, size, 3)).copy()
    smallest, largest, n_leaves = 0.05, 0.7, 260
    shares = rng.random(n_leaves)
    radii = (smallest**-2 - shares * (smallest**-2 - largest**-2)) ** -0.5
    squareness = rng.choice([2.0, 2.0, 1.0, 6.0])
    for radius in radii:
        colour = colours[rng.integers(len(colours))] * rng.uniform(0.75, 1.15)
        _lay_leaf(picture, float(radius), colour, float(squareness), rng)
    return _clipped(picture * (1.0 + 0.05 * noise(size, 1.0, rng))[..., None])


def _lay_leaf(
    picture: Picture,
    radius: float,
    colour: NDArray[np.float32],
    squareness: float,
    rng: np.random.Generator,
) -> None:
    size = picture.shape[0]
    centre_x, centre_y = rng.uniform(-1.2, 1.2, size=2)
    bounds = [
        int(np.clip((c + s * 1.5 * radius + 1.0) * size / 2, 0, size))
        for c in (centre_x, centre_y)
        for s in (-1, 1)
    ]
    box = np.s_[bounds[2] : bounds[3], bounds[0] : bounds[1]]
    x, y = (axis[box] for axis in grid(size))
    if x.size == 0:
        return
    angle, slender = rng.uniform(0, np.pi), rng.uniform(0.45, 1.0)
    along = ((x - centre_x) * np.cos(angle) + (y - centre_y) * np.sin(angle)) / radius
    across = ((y - centre_y) * np.cos(angle) - (x - centre_x) * np.sin(angle)) / (radius * slender)
    distance = (np.abs(along) ** squareness + np.abs(across) ** squareness) ** (1 / squareness)
    mask = edge((1.0 - distance).astype(np.float32), 3.0 / size / radius)
    tilt = (1.0 + rng.uniform(-0.25, 0.25) * along + rng.uniform(-0.25, 0.25) * across)[..., None]
    picture[box] = blend(picture[box], (colour * tilt).astype(np.float32), mask)


def clouds(size: int, rng: np.random.Generator) -> Picture:
    """Coloured noise with a natural spectrum: strong in brightness, weaker in two hues."""
    slope = rng.uniform(0.9, 1.6)
    colours = palette(4, rng)
    brightness = noise(size, slope, rng, rng.uniform(1.0, 2.5), rng.uniform(0, np.pi))
    order = np.argsort(colours.sum(axis=1))
    picture = ramp(colours[order], 0.5 + 0.24 * brightness)
    tint = np.stack([noise(size, slope + 0.3, rng) for _ in range(3)], axis=-1)
    return _clipped(picture + 0.06 * tint)


def grating(size: int, rng: np.random.Generator) -> Picture:
    """Paint a grating or plaid, straight, concentric or radial, of a dark and a bright colour."""
    x, y = grid(size)
    colours = _dark_and_bright(rng)
    bend = 0.12 * rng.random() * noise(size, 2.5, rng)
    cycles = float(np.exp(rng.uniform(np.log(2.0), np.log(14.0))))
    form = rng.integers(4)
    phase = np.pi * cycles * (_direction(x, y, rng) + bend)
    if form == 1:
        centre = rng.uniform(-0.5, 0.5, size=2)
        phase = np.pi * cycles * (np.hypot(x - centre[0], y - centre[1]) + bend)
    elif form == 2:
        phase = np.round(cycles) * (np.arctan2(y, x) + bend)
    wave = np.sin(phase + rng.uniform(0, 2 * np.pi))
    if form == 3:
        wave = 0.5 * (wave + np.sin(np.pi * cycles * _direction(x, y, rng)))
    if rng.random() < 0.4:
        wave = np.tanh(5.0 * wave)
    window = 1.0 if rng.random() < 0.5 else np.exp(-2.0 * (x**2 + y**2))
    lit = (0.5 + 0.5 * rng.uniform(0.5, 1.0) * wave * window).astype(np.float32)
    return ramp(colours, lit)


def _dark_and_bright(rng: np.random.Generator) -> NDArray[np.float32]:
    colours = palette(2, rng)
    targets = rng.uniform([0.08, 0.6], [0.3, 0.9])
    scaled = colours / colours.mean(axis=1, keepdims=True) * targets[:, None]
    return _clipped(scaled)


def _direction(x: Field, y: Field, rng: np.random.Generator) -> Field:
    angle = rng.uniform(0, np.pi)
    return x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))


def cells(size: int, rng: np.random.Generator) -> Picture:
    """Voronoi cells as pebbles or as cracked ground, shaded."""
    x, y = grid(size)
    n_cells = int(rng.integers(12, 90))
    centres = rng.uniform(-1.15, 1.15, size=(n_cells, 2)).astype(np.float32)
    bent_x = x + 0.05 * noise(size, 2.0, rng)
    bent_y = y + 0.05 * noise(size, 2.0, rng)
    found = scipy.spatial.KDTree(centres).query(np.stack([bent_x, bent_y], axis=-1), k=2)
    distances, nearest = np.asarray(found[0], dtype=np.float32), np.asarray(found[1])
    gap = distances[..., 1] - distances[..., 0]
    pebble = np.sqrt(np.clip(gap * np.sqrt(n_cells) / 1.4, 0.0, 1.0))
    height = 0.25 * pebble / np.sqrt(n_cells) * 2.0 + 0.004 * noise(size, 1.2, rng)
    colours = palette(6, rng)
    own = colours[rng.integers(len(colours), size=n_cells)] * rng.uniform(0.7, 1.2, (n_cells, 1))
    base = own[nearest[..., 0]].astype(np.float32)
    base = blend(0.35 * colours[0] * np.ones_like(base), base, np.clip(3.0 * pebble, 0.0, 1.0))
    lit = base * shade(height.astype(np.float32), light(rng), relief=1.5)[..., None]
    return _clipped(lit)


def fibres(size: int, rng: np.random.Generator) -> Picture:
    """Streaked matter such as wood, fur or bark: noise with a long grain, in relief."""
    angle = rng.uniform(0, np.pi)
    x, y = grid(size)
    coarse = noise(size, rng.uniform(1.2, 1.7), rng, rng.uniform(4.0, 9.0), angle)
    if rng.random() < 0.5:
        swirl = x * np.cos(angle + np.pi / 2) + y * np.sin(angle + np.pi / 2)
        coarse = np.sin(rng.uniform(6.0, 14.0) * (swirl + 0.12 * noise(size, 2.2, rng, 3.0, angle)))
        coarse = coarse.astype(np.float32) + 0.4 * noise(size, 1.0, rng, 8.0, angle)
    colours = palette(4, rng)
    ordered = colours[np.argsort(colours.sum(axis=1))]
    lit = shade((0.03 * coarse).astype(np.float32), light(rng), relief=1.2)
    return _clipped(ramp(ordered, 0.5 + 0.25 * coarse) * lit[..., None])


def contours(size: int, rng: np.random.Generator) -> Picture:
    """Smooth closed curves and strokes of several widths on a shaded, contrasting ground."""
    dark_and_bright = _dark_and_bright(rng)[:: rng.choice([-1, 1])]
    near = palette(5, rng)
    ground = ramp(0.8 * dark_and_bright[0] + 0.2 * near[:2], 0.5 + 0.2 * noise(size, 1.8, rng))
    inks = 0.65 * dark_and_bright[1] + 0.35 * near
    canvas = Image.fromarray(np.rint(255 * ground).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    angles = np.linspace(0, 2 * np.pi, 160, dtype=np.float32)
    for _ in range(rng.integers(3, 12)):
        radius = rng.uniform(0.15, 0.8) * wobble(angles, 0.8, rng)
        centre = rng.uniform(-0.7, 0.7, size=2)
        points = centre + np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
        scaled = [(float(px), float(py)) for px, py in (points + 1.0) * size / 2]
        colour = tuple(int(c) for c in 255 * inks[rng.integers(len(inks))])
        width = max(1, round(size * rng.uniform(0.006, 0.04)))
        if rng.random() < 0.3:
            draw.polygon(scaled, fill=colour)
        else:
            draw.line(scaled[: rng.integers(60, 161)], fill=colour, width=width, joint="curve")
    drawn = np.asarray(canvas, dtype=np.float32) / np.float32(255.0)
    return _clipped(drawn * (1.0 + 0.04 * noise(size, 0.8, rng))[..., None])


def still_life(size: int, rng: np.random.Generator) -> Picture:
    """One to four lit solid objects with cast shadows, on a ground before a wall."""
    _, y = grid(size)
    colours = palette(3, rng)
    horizon = rng.uniform(-0.4, 0.3)
    wall = colours[0] * (0.85 + 0.12 * noise(size, 1.8, rng) - 0.2 * y)[..., None]
    floor_grain = noise(size, 1.1, rng, 3.0, 0.0)
    floor = colours[1] * (0.7 + 0.25 * (y - horizon) + 0.08 * floor_grain)[..., None]
    picture = blend(wall, floor, edge(y - np.float32(horizon), 0.06))
    towards = light(rng)
    n_objects = int(rng.integers(1, 5))
    depths = np.sort(rng.uniform(horizon + 0.1, 0.9, size=n_objects))
    for depth in depths:
        radius = rng.uniform(0.34, 0.62) * (0.6 + 0.4 * (depth + 1.0) / 2.0)
        foot = (rng.uniform(-0.7, 0.7), float(depth))
        picture = _place_object(picture, foot, float(radius), towards, rng)
    return _clipped(picture)


def _place_object(
    picture: Picture,
    foot: tuple[float, float],
    radius: float,
    towards: NDArray[np.float32],
    rng: np.random.Generator,
) -> Picture:
    """Paint one solid that stands at `foot`: its shadow on the ground, its body, its gloss."""
    size = picture.shape[0]
    x, y = grid(size)
    dx, dy = x - np.float32(foot[0]), y - np.float32(foot[1] - 0.9 * radius)
    shadow_x = dx + np.float32(0.8 * towards[0] * radius)
    flat = np.hypot(shadow_x / 1.3, 3.2 * (y - np.float32(foot[1]))) / np.float32(radius)
    dark = 0.65 * blurred(edge(1.0 - flat, 0.2), 0.04)
    picture = picture * (1.0 - dark)[..., None]
    reach, roundness, roughness = _body(dx, dy, radius, rng)
    mask = edge(1.0 - reach, 3.0 / size / radius)
    height = radius * np.sqrt(np.clip(1.0 - reach**roundness, 0.0, 1.0))
    height = height + np.float32(roughness) * noise(size, 1.4, rng)
    skin = palette(3, rng)
    pattern = noise(size, 1.6, rng, rng.uniform(1.0, 5.0), rng.uniform(0, np.pi))
    if rng.random() < 0.3:
        pattern = 2.0 * np.sin(rng.uniform(8.0, 20.0) * _direction(dx, dy, rng))
    body = ramp(skin, 0.5 + 0.14 * pattern) * shade(height.astype(np.float32), towards)[..., None]
    glossy = rng.uniform(0.0, 0.8)
    spot = np.hypot(dx - 0.55 * radius * towards[0], dy - 0.55 * radius * towards[1]) / radius
    body = body + np.float32(glossy) * np.exp(-((spot / 0.22) ** 2))[..., None]
    return blend(picture, body.astype(np.float32), mask)


def _body(
    dx: Field, dy: Field, radius: float, rng: np.random.Generator
) -> tuple[Field, float, float]:
    """Outline of a solid: reach (below 1 inside), how its height falls off, and roughness."""
    angle = np.arctan2(dy, dx)
    form = rng.integers(4)
    distance = np.hypot(dx, dy) / np.float32(radius)
    if form == 0:
        return distance.astype(np.float32), 2.0, 0.0
    if form == 1:
        return (distance / wobble(angle, 0.35, rng)).astype(np.float32), 2.0, 0.004
    if form == 2:
        slender = rng.uniform(0.5, 0.75)
        egg = np.hypot(dx / (slender * radius), dy / radius)
        return egg.astype(np.float32), 2.0, 0.002
    turn = rng.uniform(0, np.pi / 2)
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / radius
    v = (dy * np.cos(turn) - dx * np.sin(turn)) / radius
    reach = (np.abs(u / 0.85) ** 5 + np.abs(v / 0.85) ** 5) ** 0.2
    return reach.astype(np.float32), 8.0, 0.002


def flower(size: int, rng: np.random.Generator) -> Picture:
    """Paint a rosette of petals with a textured heart on soft foliage."""
    x, y = grid(size)
    foliage = palette(4, rng) * np.array([0.7, 1.0, 0.55], dtype=np.float32)
    picture = ramp(foliage, 0.5 + 0.22 * noise(size, 1.5, rng)) * np.float32(0.8)
    centre = rng.uniform(-0.25, 0.25, size=2)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    petals = palette(3, rng)
    n_petals, turn = int(rng.integers(4, 14)), rng.uniform(0, np.pi)
    for ring in range(int(rng.integers(1, 4)), 0, -1):
        leaf = np.abs(np.cos(0.5 * n_petals * (angle + turn + ring * np.pi / n_petals)))
        outline = (0.25 + 0.2 * ring) * (0.45 + 0.55 * leaf ** rng.uniform(0.4, 1.2))
        mask = edge((outline - radius).astype(np.float32), 0.02)
        veins = 0.06 * np.sin(5 * n_petals * angle)
        lit = 0.55 + 0.45 * leaf + veins - 0.25 * (radius / outline)
        shadowed = picture * (1.0 - 0.5 * blurred(mask, 0.04))[..., None]
        petal = petals[ring % 3] * (0.5 + 0.7 * lit)[..., None].astype(np.float32)
        picture = blend(shadowed, petal, mask)
    heart = edge((np.float32(rng.uniform(0.1, 0.2)) - radius).astype(np.float32), 0.02)
    seeds = palette(1, rng)[0] * (0.8 + 0.35 * noise(size, 0.4, rng))[..., None]
    return _clipped(blend(picture, seeds.astype(np.float32), heart))


def landscape(size: int, rng: np.random.Generator) -> Picture:
    """Sky, a few ranges of hills that pale with distance, and textured ground."""
    x, y = grid(size)
    sky = palette(3, rng)
    sky[0] = 0.5 * sky[0] + 0.5 * np.array([0.35, 0.55, 0.9], dtype=np.float32)
    haze = 0.6 + 0.4 * sky[1]
    picture = ramp(np.stack([sky[0], haze]), 0.5 + 0.6 * y + 0.3)
    cloud = np.clip(noise(size, 1.5, rng, 2.5, 0.0) - 0.2, 0.0, 1.0)
    picture = blend(picture, np.array([0.97, 0.95, 0.93], dtype=np.float32), 0.7 * cloud)
    earth = palette(3, rng)
    n_ranges = int(rng.integers(2, 6))
    top = rng.uniform(-0.5, -0.1)
    for k in range(n_ranges):
        nearness = (k + 1) / n_ranges
        ridge = top + 0.9 * k / n_ranges + 0.13 * noise(size, 1.9, rng)[0]
        grain = noise(size, 0.9, rng, 2.0, 0.0)
        relief = shade((0.02 * nearness * grain).astype(np.float32), light(rng))
        hill = earth[k % 3] * relief[..., None] * np.float32(0.9)
        hill = blend(hill, haze.astype(np.float32), np.full_like(x, 0.75 * (1.0 - nearness)))
        picture = blend(picture, hill, edge(y - ridge[None, :], 0.03))
    return _clipped(picture)


def face_like(size: int, rng: np.random.Generator) -> Picture:
    """Paint an oval head with two eyes, a nose and a mouth: a schematic face, lit from one side."""
    x, y = grid(size)
    tones = palette(3, rng)
    ground = ramp(tones[:2], 0.5 + 0.2 * noise(size, 1.8, rng))
    dx = x - np.float32(rng.uniform(-0.12, 0.12))
    wide = rng.uniform(0.5, 0.68)
    oval = np.hypot(dx / wide, y / 0.82)
    height = 0.6 * np.sqrt(np.clip(1.0 - oval**2.4, 0.0, 1.0))
    height += 0.1 * np.exp(-((dx / 0.07) ** 2) - ((y - 0.1) / 0.16) ** 2)
    height += 0.002 * noise(size, 1.0, rng)
    skin = np.array([0.85, 0.62, 0.48], dtype=np.float32) * rng.uniform(0.45, 1.1)
    head = skin * shade(height.astype(np.float32), light(rng))[..., None]
    eye_y, gaze = rng.uniform(-0.22, -0.1), rng.uniform(-0.03, 0.03)
    for side in (-1, 1):
        head = _with_eye(head, dx - side * 0.42 * wide, y - eye_y, gaze, tones[2])
    smile, open_by = rng.uniform(-0.6, 0.8), rng.uniform(0.03, 0.08)
    mouth = np.hypot(dx / 0.24, (y - 0.42 + smile * dx**2) / open_by)
    lips = np.array([0.6, 0.25, 0.22], dtype=np.float32) * rng.uniform(0.6, 1.0)
    head = blend(head, lips, 0.9 * edge((1.0 - mouth).astype(np.float32), 0.3))
    hair = tones[0] * 0.4 * (1.0 + 0.3 * noise(size, 1.0, rng, 5.0, 1.4))[..., None]
    head = blend(head, hair.astype(np.float32), edge(-0.45 - y + 0.35 * dx**2, 0.05))
    face = blend(ground, head, edge((1.0 - oval).astype(np.float32), 0.03))
    return _clipped(face)


def _with_eye(head: Picture, dx: Field, dy: Field, gaze: float, colour: Colour) -> Picture:
    """Paint an eye in its socket, and a brow, at the place where `dx` and `dy` are 0."""
    socket = np.hypot(dx / 0.17, dy / 0.1)
    head = head * (1.0 - 0.35 * np.exp(-(socket**2)))[..., None]
    iris = (np.hypot(dx - gaze, dy) / 0.06)[..., None]
    eye = np.where(iris < 0.5, 0.05, np.where(iris < 1.0, colour, 0.9)).astype(np.float32)
    head = blend(head, eye, edge((1.0 - socket / 0.85).astype(np.float32), 0.15))
    brow = np.hypot(dx / 0.2, (dy + 0.15 + 0.3 * dx**2) / 0.03)
    return head * (1.0 - 0.6 * edge((1.0 - brow).astype(np.float32), 0.5))[..., None]
