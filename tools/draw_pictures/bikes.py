# the outlines are drawn, not read
"""Whole bikes."""

from math import cos, pi, sin

from tools.draw_pictures.colors import INK, PALE, STEEL, WHITE, Tint, mix
from tools.draw_pictures.strokes import box, disc, line, ring, shape


def wheel(x: float, y: float, tire: float, knobs: bool = False) -> str:
    r = 37
    spokes = "".join(
        f"M{x:.1f} {y:.1f}L{x + (r - 3) * cos(a):.1f} {y + (r - 3) * sin(a):.1f}"
        for a in (k * pi / 6 + 0.2 for k in range(12))
    )
    tread = ring(x, y, r + tire / 2, INK, 3, 'stroke-dasharray="4 3.4"') if knobs else ""
    return "".join(
        (
            tread,
            line(spokes, mix(STEEL, WHITE, 0.35), 0.8),
            ring(x, y, r, INK, tire),
            ring(x, y, r - tire / 2 - 1.2, STEEL, 1.8),
            disc(x, y, 4, INK),
        )
    )


def cranks() -> str:
    return (
        ring(103, 142, 9, INK, 3) + line("M103 142L113 155M107 156H119", INK, 3.2) + line("M56 137L103 132", INK, 1.4)
    )


def saddle_on_post(x: float, y: float, tint: str = INK) -> str:
    return line(f"M{x + 3} {y + 18}L{x} {y + 4}", STEEL, 4) + shape(
        f"M{x - 17} {y - 1}q4 -4 12 -2 q10 3 22 1 q5 1 1 4 q-10 5 -20 4 q-14 0 -15 -7z", tint
    )


def diamond(tint: Tint) -> str:
    return line("M56 142L90 94M56 142L103 142", tint.dark, 4.5) + line("M103 142L89 90L144 86L103 142", tint.main, 6.5)


def fork(tint: str, width: float = 5) -> str:
    return line("M142 80L148 103L164 142", tint, width)


def road_bike(tint: Tint, tire: float = 4, bags: str = "") -> str:
    bars = line("M142 80L140 74L155 71C170 70 171 88 158 91L151 91", INK, 4)
    return (
        wheel(56, 142, tire)
        + wheel(164, 142, tire)
        + fork(tint.dark)
        + diamond(tint)
        + bags
        + cranks()
        + saddle_on_post(86, 72)
        + bars
    )


def gravel_bike(tint: Tint) -> str:
    bags = shape("M97 95L133 92L124 104Q112 108 99 106Z", tint.light) + box(148, 74, 17, 15, 6, tint.dark)
    return road_bike(tint, 7, bags)


def mountain_bike(tint: Tint) -> str:
    suspension = (
        line("M142 80L148 103", tint.dark, 6) + line("M148 103L156 122", PALE, 5) + line("M154 119L164 142", INK, 7)
    )
    bars = line("M142 82L139 72M133 70L151 68", INK, 4.5) + line("M131 70L137 69.5", tint.main, 6)
    return (
        wheel(56, 142, 6, knobs=True)
        + wheel(164, 142, 6, knobs=True)
        + suspension
        + line("M56 142L88 100M56 142L103 142", tint.dark, 5)
        + line("M103 142L88 96L145 88L103 142", tint.main, 8)
        + cranks()
        + saddle_on_post(85, 76)
        + bars
    )


def city_bike(tint: Tint) -> str:
    frame = line("M56 142L90 98M56 142L103 142", tint.dark, 4.5) + line("M103 142L88 88", tint.main, 6.5)
    step = line("M103 142C112 122 134 116 143 90M96 116C112 112 132 104 142 82", tint.main, 6)
    fenders = line("M15 140A41 41 0 0 1 84 111", tint.dark, 4) + line("M136 112A41 41 0 0 1 204 134", tint.dark, 4)
    rack = line("M34 102H80M44 103L56 140", INK, 3)
    basket = shape("M148 66H184L179 92H152Z", "#c79a63") + line("M149 74H182M151 83H181", "#a67b49", 2)
    bars = line("M142 82L138 62C134 56 126 57 119 62", INK, 4) + line("M117 63L125 58", "#a67b49", 6)
    return (
        wheel(56, 142, 5)
        + wheel(164, 142, 5)
        + fenders
        + rack
        + fork(tint.dark)
        + frame
        + step
        + cranks()
        + line("M56 136L104 131", tint.dark, 5)
        + saddle_on_post(84, 70, "#8a6039")
        + basket
        + bars
    )
