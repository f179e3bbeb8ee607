# ruff: noqa: E501  # the outlines are drawn, not read
"""Draw the product pictures of the demo's bike shop: flat SVG drawings, rendered at 440 x 440 as small PNGs.

E-mail clients show no SVG, so the PNGs are committed. Run this after changing a drawing or the catalog:

    pip install pillow resvg-py pyoxipng && python tools/draw_pictures.py
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin

import oxipng
import resvg_py
from PIL import Image

from aftercart.demo.catalog import catalog
from aftercart.demo.pictures import FOLDER, drawing

SIZE_PX, COLORS = 440, 18
INK, STEEL, PALE, WHITE = "#2c3743", "#8b98a5", "#d5dbe1", "#ffffff"
TONES = {
    "Black": "#3d4854",
    "Gray": "#8795a3",
    "White": "#eef2f5",
    "Red": "#dc4c46",
    "Orange": "#ee8434",
    "Yellow": "#f2bd3a",
    "Green": "#4c9f6c",
    "Teal": "#2fa39f",
    "Blue": "#3f7fd0",
    "Sand": "#d3b78a",
    "Brown": "#98704b",
}


WARM_SHADE = "#8a3a1c"
WARM = {TONES[name] for name in ("Orange", "Yellow", "Sand", "Brown")}


@dataclass(frozen=True)
class Tint:
    """A product color with its shadow and its light."""

    main: str

    @property
    def dark(self) -> str:
        # Ink turns yellow into olive, so warm colors darken towards brown.
        return mix(self.main, WARM_SHADE, 0.36) if self.main in WARM else mix(self.main, INK, 0.36)

    @property
    def light(self) -> str:
        return mix(self.main, WHITE, 0.45)


def mix(one: str, other: str, share: float) -> str:
    """The color `share` of the way from one to the other."""
    a, b = (bytes.fromhex(color[1:]) for color in (one, other))
    return "#" + bytes(round(x + (y - x) * share) for x, y in zip(a, b, strict=True)).hex()


# ---------------------------------------------------------------- strokes


def line(points: str, color: str, width: float, *, fill: str = "none") -> str:
    """A path with round ends and joins."""
    return (
        f'<path d="{points}" fill="{fill}" stroke="{color}" stroke-width="{width}" stroke-linecap="round" '
        'stroke-linejoin="round"/>'
    )


def shape(points: str, fill: str, more: str = "") -> str:
    return f'<path d="{points}" fill="{fill}" {more}/>'


def disc(x: float, y: float, r: float, fill: str, more: str = "") -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}" {more}/>'


def ring(x: float, y: float, r: float, color: str, width: float, more: str = "") -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="none" stroke="{color}" stroke-width="{width}" {more}/>'


def box(x: float, y: float, w: float, h: float, r: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{r}" fill="{fill}" {more}/>'


def turned(angle: float, content: str, x: float = 110, y: float = 110) -> str:
    return f'<g transform="rotate({angle} {x} {y})">{content}</g>'


def moved(x: float, y: float, content: str) -> str:
    return f'<g transform="translate({x} {y})">{content}</g>'


# ---------------------------------------------------------------- bikes


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


# ---------------------------------------------------------------- on the head and body


def helmet(tint: Tint) -> str:
    shell = "M36 128C34 80 72 50 116 50C160 50 188 86 186 120C186 128 178 130 170 128L52 140C42 141 36 138 36 128Z"
    vents = "".join(
        shape(d, mix(tint.dark, INK, 0.45))
        for d in (
            "M62 112Q70 74 104 62Q80 82 76 110Z",
            "M88 108Q98 74 132 62Q106 82 102 106Z",
            "M115 105Q128 78 158 74Q134 86 130 103Z",
            "M143 102Q152 88 172 92Q158 94 157 101Z",
        )
    )
    return (
        line("M70 138Q84 172 104 172Q124 168 140 132", INK, 4)
        + line("M104 172Q96 156 92 137", INK, 3.4)
        + shape(shell, tint.main)
        + shape(
            "M36 128C36 120 37 112 39 106L184 104Q187 112 186 120C186 128 178 130 170 128L52 140C42 141 36 138 36 128Z",
            tint.dark,
        )
        + vents
        + box(97, 164, 14, 12, 4, PALE)
    )


def trail_helmet(tint: Tint) -> str:
    shell = "M34 132C30 78 70 48 112 48C150 48 178 74 180 112L150 118C120 122 96 128 88 146C82 158 36 158 34 132Z"
    return (
        line("M90 144Q104 176 122 174Q140 170 146 118", INK, 4)
        + shape(shell, tint.main)
        + shape(
            "M150 118C120 122 96 128 88 146C82 158 36 158 34 132C33 126 33 122 34 116C60 128 110 100 180 104L180 112Z",
            tint.dark,
        )
        + shape("M128 68Q176 66 204 96Q206 102 200 101Q168 88 134 94Z", tint.light)
        + "".join(
            shape(d, mix(tint.dark, INK, 0.5))
            for d in (
                "M56 104Q62 76 84 66Q72 84 72 106Z",
                "M84 102Q90 74 112 64Q100 82 100 100Z",
                "M112 98Q114 84 124 78Q122 90 126 97Z",
            )
        )
        + box(114, 168, 14, 11, 4, PALE)
    )


def urban_helmet(tint: Tint) -> str:
    return (
        line("M66 134Q80 174 104 174Q128 172 146 132", INK, 4)
        + shape("M38 130C36 78 70 52 112 52C154 52 184 80 182 124Q182 132 174 132L48 138Q38 139 38 130Z", tint.main)
        + shape("M70 64Q52 82 52 112Q60 80 92 57Q80 58 70 64Z", tint.light)
        + shape("M38 124L182 118Q182 132 174 132L48 138Q38 139 38 130Z", tint.dark)
        + "".join(box(86 + 22 * k, 76 - abs(k - 1), 7, 22, 3.5, tint.dark) for k in range(3))
        + line("M176 92Q196 98 194 122L178 122", tint.dark, 8)
        + box(30, 108, 9, 14, 3, "#e4544d")
        + box(97, 168, 14, 11, 4, PALE)
    )


def jersey(tint: Tint, collar: bool = True, stripes: bool = True) -> str:
    body = "M76 48L40 70L28 112L56 122L64 104L62 172Q62 178 68 178H152Q158 178 158 172L156 104L164 122L192 112L180 70L144 48Q128 60 110 60Q92 60 76 48Z"
    band = (
        shape("M63.5 112H156.5L157 132H63Z", tint.light) + shape("M63 132H157L157 139H63Z", tint.dark)
        if stripes
        else ""
    )
    cuffs = shape("M31 102L28 112L56 122L60 112Z", tint.dark) + shape("M189 102L192 112L164 122L160 112Z", tint.dark)
    neck = shape("M84 42Q110 54 136 42L144 48Q128 62 110 62Q92 62 76 48Z", tint.dark)
    zip_ = line("M110 62V96", tint.dark, 2.4) if collar else ""
    return shape(body, tint.main) + band + cuffs + neck + zip_


def tee(tint: Tint) -> str:
    pocket = box(122, 94, 24, 26, 3, "none", f'stroke="{tint.dark}" stroke-width="2.5"')
    return jersey(tint, collar=False, stripes=False) + pocket + line("M62 170H158", tint.dark, 2)


def jacket(tint: Tint) -> str:
    body = "M78 52L50 68L30 150L54 158L66 118L64 180H156L154 118L166 158L190 150L170 68L142 52Z"
    hood = shape("M78 54Q80 34 110 34Q140 34 142 54Q126 66 110 66Q94 66 78 54Z", tint.dark) + shape(
        "M90 54Q94 44 110 44Q126 44 130 54Q120 60 110 60Q100 60 90 54Z", mix(tint.dark, INK, 0.4)
    )
    bands = shape("M64.6 136H155.400L155.600 146H64.4Z", "#f4f6f8") + shape("M36 126L60 134L57 145L33 137Z", "#f4f6f8")
    return (
        shape(body, tint.main)
        + bands
        + shape("M184 126L160 134L163 145L187 137Z", "#f4f6f8")
        + hood
        + line("M110 66V180", tint.dark, 3)
        + line("M78 156L92 164M142 156L128 164", tint.dark, 3)
        + box(106.5, 66, 7, 10, 3, INK)
    )


def shorts(tint: Tint) -> str:
    return (
        shape("M60 62H160L178 160L122 168L110 112L98 168L42 160Z", tint.main)
        + shape("M58 50H162V70H58Z", tint.dark)
        + line("M110 70V112", tint.dark, 3)
        + line("M68 92Q74 104 64 116", tint.dark, 3)
        + line("M146 92H160V124H150Z", tint.light, 2.5)
        + line("M45 148L101 156M119 156L175 148", tint.dark, 3)
        + line("M104 70L98 84M116 70L122 84", PALE, 2.5)
    )


def bib_shorts(tint: Tint) -> str:
    straps = line("M76 84Q72 52 88 34Q92 62 110 74Q128 62 132 34Q148 52 144 84", tint.dark, 8)
    legs = "M68 84Q110 66 152 84L166 174L120 178L110 128L100 178L54 174Z"
    return (
        straps
        + shape(legs, tint.main)
        + shape("M55.5 162L54 174L100 178L102 166Z", "#dc4c46")
        + shape("M164.5 162L166 174L120 178L118 166Z", "#dc4c46")
        + line("M110 80V128", tint.dark, 2.5)
        + line("M76 92Q84 130 72 164M144 92Q136 130 148 164", tint.light, 2)
    )


def gloves(tint: Tint, full: bool = False) -> str:
    tips = 30 if full else 10
    fingers = "".join(
        box(66 + 15 * k, 62 - tips + (6 if k in (0, 3) else 0), 13, 40 + tips, 6.5, tint.main) for k in range(4)
    )
    thumb = turned(42, box(117, 128 - 36 - tips, 17, 46 + tips, 8, tint.dark), 124, 134)
    cuffs = (
        ""
        if full
        else "".join(box(65.5 + 15 * k, 51 + (6 if k in (0, 3) else 0), 14, 5, 2, tint.dark) for k in range(4))
    )
    palm = shape("M66 84H126V132Q126 146 120 154H72Q66 146 66 132Z", tint.main)
    hand = (
        thumb
        + fingers
        + palm
        + cuffs
        + box(68, 150, 56, 22, 7, tint.dark)
        + box(92, 155, 26, 12, 4, tint.light)
        + "".join(line(f"M{73 + 15 * k} 96v12", tint.dark, 4) for k in range(4))
    )
    return turned(-9, moved(12, 8, hand))


def trail_gloves(tint: Tint) -> str:
    return gloves(tint, full=True)


def socks(tint: Tint) -> str:
    sock = (
        shape("M60 40H98V112Q98 124 108 132L128 148Q140 160 130 172Q124 178 112 176L76 160Q60 152 60 134Z", tint.main)
        + shape("M60 40H98V58H60Z", tint.dark)
        + shape("M60 68H98V75H60ZM60 81H98V88H60Z", tint.light if tint.main != TONES["White"] else "#dc4c46")
        + shape("M128 148Q140 160 130 172Q124 178 112 176L108 174Q124 166 120 142Z", tint.dark)
        + shape("M60 134Q60 124 70 122Q80 134 74 159Q60 152 60 134Z", tint.dark)
    )
    return moved(48, 4, turned(6, sock)) + moved(-12, 2, sock)


def cap(tint: Tint) -> str:
    return (
        shape("M46 134C42 84 76 58 114 58C150 58 172 86 170 126Q140 112 108 116Q74 120 46 134Z", tint.main)
        + shape("M112 58Q128 80 130 114Q118 114.5 108 116Q98 117 92 118.5Q92 84 104 58.5Z", WHITE)
        + shape("M118 58.5Q126 80 124 114.2L114 115.5Q114 84 110 58Z", "#dc4c46")
        + shape(
            "M46 134Q76 118 108 116Q140 113 170 126Q194 130 206 150Q208 156 200 154Q150 134 54 148Q44 148 46 134Z",
            tint.dark,
        )
        + disc(112, 57, 5, tint.dark)
    )


def glasses(tint: Tint) -> str:
    return (
        line("M36 92Q22 92 20 108M184 92Q198 92 200 108", tint.main, 7)
        + shape(
            "M34 84Q110 72 186 84Q190 128 158 138Q130 144 118 116Q110 108 102 116Q90 144 62 138Q30 128 34 84Z",
            mix(tint.main, "#25405e", 0.62),
        )
        + shape("M50 94Q76 88 98 90L72 130Q50 124 50 94Z", mix(tint.main, WHITE, 0.5), 'opacity="0.55"')
        + line("M34 86Q110 72 186 86", tint.main, 8)
        + line("M104 118Q110 112 116 118", INK, 4)
    )


def goggles(tint: Tint) -> str:
    return (
        box(16, 92, 188, 34, 8, tint.dark)
        + "".join(box(24 + 14 * k, 92, 5, 34, 0, tint.light) for k in (0, 1, 11, 12))
        + shape(
            "M40 96Q40 72 66 72H154Q180 72 180 96V120Q180 148 150 148Q130 148 120 134Q110 124 100 134Q90 148 70 148Q40 148 40 120Z",
            tint.main,
        )
        + shape(
            "M54 98Q54 86 68 86H152Q166 86 166 98V118Q166 134 150 134Q136 134 128 122Q110 106 92 122Q84 134 70 134Q54 134 54 118Z",
            "#f2a94a",
        )
        + shape("M66 92H92L70 126Q60 124 60 114V98Q60 92 66 92Z", "#fbdc9d")
    )


# ---------------------------------------------------------------- on the bike


def bottle(tint: Tint) -> str:
    clear = mix(tint.main, WHITE, 0.2)
    return turned(
        10,
        shape("M98 30Q110 24 122 30V48H98Z", INK)
        + box(103, 24, 14, 12, 5, STEEL)
        + shape("M84 62Q84 46 110 46Q136 46 136 62V70H84Z", tint.dark)
        + shape(
            "M82 72H138Q142 84 136 98Q132 106 138 114V176Q138 188 126 188H94Q82 188 82 176V114Q88 106 84 98Q78 84 82 72Z",
            clear,
        )
        + shape("M82.5 124H137.5V158H82.5Z", WHITE)
        + line("M92 148L104 132L112 142L120 134L128 148", tint.dark, 4)
        + shape("M90 80H98Q96 92 98 100Q94 108 95 116H90Q94 106 91 98Q88 88 90 80Z", tint.light),
    )


def bottle_cage(tint: Tint) -> str:
    return (
        shape("M96 44H124V178H96Z", tint.dark)
        + disc(110, 70, 5, PALE)
        + disc(110, 132, 5, PALE)
        + line("M70 176Q62 150 66 118Q72 96 96 88", tint.main, 10)
        + line("M150 176Q158 150 154 118Q148 96 124 88", tint.main, 10)
        + line("M64 104Q58 70 74 54Q86 46 96 50M156 104Q162 70 146 54Q134 46 124 50", tint.main, 10)
        + line("M70 176Q110 194 150 176", tint.main, 10)
        + line("M70 120Q68 150 75 172", tint.light, 3)
    )


def light(tint: Tint) -> str:
    beam = shape("M52 96L8 66V154L52 128Z", "#fde9a8", 'opacity="0.9"') + shape("M52 102L8 88V136L52 122Z", "#fff7da")
    return moved(
        12,
        -4,
        beam
        + box(44, 78, 26, 66, 10, tint.dark)
        + shape("M66 82H158Q178 82 178 104V116Q178 138 158 138H66Z", tint.main)
        + "".join(line(f"M{k} 92V128", tint.dark, 4) for k in (82, 92, 102))
        + box(126, 92, 34, 10, 5, tint.light)
        + disc(152, 120, 6, "#7fd39a")
        + shape("M106 138H146L140 158H112Z", INK)
        + line("M100 166A28 18 0 0 0 152 166", INK, 9),
    )


def rear_light(tint: Tint) -> str:
    glow = "".join(
        line(
            f"M{110 + 62 * cos(a):.0f} {100 + 62 * sin(a):.0f}L{110 + 78 * cos(a):.0f} {100 + 78 * sin(a):.0f}",
            tint.light,
            5,
        )
        for a in (k * pi / 4 for k in range(8))
    )
    return (
        glow
        + box(78, 50, 64, 100, 28, INK)
        + box(86, 58, 48, 84, 22, tint.main)
        + "".join(disc(110, y, 9, tint.light) + disc(110, y, 4.5, WHITE) for y in (76, 100, 124))
        + line("M92 160Q110 174 128 160", INK, 9)
    )


def u_lock(tint: Tint) -> str:
    return turned(
        14,
        line("M74 132V84A36 36 0 0 1 146 84V132", INK, 18)
        + line("M74 132V84A36 36 0 0 1 146 84V132", tint.main, 13)
        + line("M71 124V84A39 39 0 0 1 96 50", tint.light, 3)
        + box(50, 126, 120, 34, 14, tint.dark)
        + box(58, 132, 104, 9, 4.5, mix(tint.dark, WHITE, 0.25))
        + disc(110, 149, 7, "#f2bd3a")
        + box(108.5, 146, 3, 8, 1.5, INK),
    )


def folding_lock(tint: Tint) -> str:
    points = ((58, 60), (158, 78), (70, 100), (160, 122), (66, 142))
    bars = "".join(
        line(f"M{x} {y}L{a} {b}", tint.main if k % 2 else tint.dark, 17)
        for k, ((x, y), (a, b)) in enumerate(pairwise(points))
    )
    return (
        bars
        + "".join(disc(x, y, 5, PALE) for x, y in points)
        + box(40, 132, 44, 38, 12, INK)
        + disc(62, 151, 7, "#f2bd3a")
    )


def chain_lock(tint: Tint) -> str:
    loop = "M64 128C30 60 96 28 122 62C150 30 202 84 152 134"
    return (
        line(loop, tint.dark, 20)
        + line(loop, tint.main, 15)
        + line(loop, tint.light, 3).replace("/>", ' stroke-dasharray="2 10"/>')
        + box(62, 118, 92, 46, 14, INK)
        + box(70, 126, 76, 8, 4, mix(INK, WHITE, 0.25))
        + disc(108, 148, 8, "#f2bd3a")
        + box(106.5, 144, 3, 9, 1.5, INK)
    )


def mini_pump(tint: Tint) -> str:
    return turned(
        -38,
        box(20, 97, 66, 26, 10, INK)
        + "".join(line(f"M{k} 102V118", STEEL, 2.5) for k in (38, 50, 62))
        + box(84, 103, 16, 14, 2, STEEL)
        + box(94, 97, 86, 26, 8, tint.main)
        + box(100, 101, 70, 6, 3, tint.light)
        + box(174, 93, 24, 34, 7, tint.dark)
        + box(180, 84, 12, 12, 3, INK)
        + box(126, 94, 12, 32, 3, tint.dark),
    )


def floor_pump(tint: Tint) -> str:
    return (
        line("M112 150Q176 168 172 110Q168 70 150 84", INK, 6)
        + box(143, 76, 14, 22, 4, STEEL)
        + box(60, 30, 100, 16, 8, INK)
        + box(105, 44, 10, 40, 2, STEEL)
        + box(94, 78, 32, 100, 6, tint.main)
        + box(99, 84, 6, 88, 3, tint.light)
        + box(90, 72, 40, 12, 5, tint.dark)
        + disc(110, 150, 21, INK)
        + disc(110, 150, 16, WHITE)
        + line("M110 150L119 141", "#dc4c46", 3)
        + line("M52 186Q110 166 168 186", INK, 11)
    )


def bag(tint: Tint) -> str:
    return (
        box(36, 74, 148, 84, 34, tint.main)
        + disc(58, 116, 32, tint.dark)
        + disc(58, 116, 20, tint.main)
        + disc(58, 116, 6, tint.dark)
        + box(100, 62, 12, 104, 5, INK)
        + box(148, 62, 12, 104, 5, INK)
        + box(97, 104, 18, 14, 3, PALE)
        + box(145, 104, 18, 14, 3, PALE)
        + line("M112 88H148", tint.light, 4)
        + line("M62 70Q110 44 160 64", tint.dark, 6)
    )


def saddle_bag(tint: Tint) -> str:
    return (
        shape("M40 60Q70 42 120 58Q160 66 186 60Q192 66 180 72Q140 84 110 82Q60 82 40 60Z", INK)
        + line("M70 80Q120 94 164 74", STEEL, 4)
        + shape(
            "M52 92Q110 78 166 96Q172 98 170 106L152 156Q148 166 136 166H74Q62 166 58 154L46 104Q44 94 52 92Z",
            tint.main,
        )
        + shape("M52 92Q110 78 166 96Q172 98 170 106L167 114Q110 96 47.5 108L46 104Q44 94 52 92Z", tint.dark)
        + line("M60 130Q108 118 158 134", PALE, 5)
        + box(92, 78, 12, 26, 4, "#dc4c46")
    )


def panniers(tint: Tint) -> str:
    def one(x: float) -> str:
        return (
            line(f"M{x + 22} 62Q{x + 36} 40 {x + 50} 62", INK, 6)
            + box(x, 60, 72, 112, 14, tint.main)
            + shape(f"M{x} 94V74Q{x} 60 {x + 14} 60H{x + 58}Q{x + 72} 60 {x + 72} 74V94Z", tint.dark)
            + box(x + 30, 84, 12, 34, 4, INK)
            + box(x + 12, 130, 48, 28, 7, tint.light)
            + disc(x + 36, 144, 6, WHITE)
        )

    return one(32) + one(116)


def backpack(tint: Tint) -> str:
    return (
        line("M88 54Q110 24 132 54", INK, 7)
        + line("M64 88Q44 120 58 166M156 88Q176 120 162 166", INK, 9)
        + box(64, 46, 92, 136, 36, tint.main)
        + shape("M64 96V82Q64 46 100 46H120Q156 46 156 82V96Q110 112 64 96Z", tint.dark)
        + box(78, 118, 64, 48, 14, tint.light)
        + line("M86 132H134", tint.dark, 4)
        + line("M136 60Q172 76 164 128", "#55b7e6", 5)
        + box(158, 124, 11, 14, 4, INK)
        + box(104, 92, 12, 26, 4, INK)
    )


def computer(tint: Tint) -> str:
    return (
        box(66, 32, 88, 142, 20, INK)
        + box(69, 35, 82, 136, 17, tint.main)
        + box(78, 46, 64, 98, 7, "#e7f1e4")
        + line("M86 132Q98 108 108 114Q120 122 118 98Q116 80 134 70", "#4c9f6c", 5)
        + disc(118, 99, 6, "#3f7fd0")
        + disc(118, 99, 2.5, WHITE)
        + line("M86 58H112M86 68H102", STEEL, 4)
        + box(84, 153, 22, 8, 4, tint.light)
        + box(114, 153, 22, 8, 4, tint.light)
        + shape("M94 174H126L132 190H88Z", STEEL)
    )


def multi_tool(tint: Tint) -> str:
    blades = "".join(
        turned(angle, box(68, 98, 74, 9, 3, shade) + end, 146, 104)
        for angle, shade, end in (
            (62, STEEL, box(60, 99, 10, 7, 1, STEEL)),
            (36, PALE, box(58, 100, 12, 5, 1, PALE)),
            (12, STEEL, box(60, 99, 10, 7, 1, STEEL)),
        )
    )
    return moved(
        -8,
        4,
        blades
        + line("M140 102L144 44V38H152V42", STEEL, 7)
        + turned(
            -24,
            box(60, 96, 104, 18, 9, tint.dark)
            + box(60, 114, 104, 20, 10, tint.main)
            + disc(74, 124, 5, PALE)
            + disc(150, 124, 5, PALE)
            + line("M88 124H136", tint.light, 4),
            146,
            110,
        ),
    )


def levers(tint: Tint) -> str:
    def one() -> str:
        return (
            shape("M95 178Q110 188 125 178L122 70Q122 48 134 40Q128 28 116 34Q98 44 98 70Z", tint.main)
            + shape("M122 70Q122 48 134 40Q128 28 116 34Q112 54 112 70Z", tint.dark)
            + box(105, 88, 9, 70, 4.5, tint.light)
            + disc(110, 170, 4, tint.dark)
        )

    return moved(-46, 4, turned(-12, one())) + one() + moved(46, 4, turned(12, one()))


def lube(tint: Tint) -> str:
    drop = shape("M158 128Q172 150 172 160A14 14 0 0 1 144 160Q144 150 158 128Z", "#f2bd3a") + shape(
        "M152 158A7 7 0 0 0 158 167", "#f2bd3a"
    )
    return (
        shape("M97 28H107L112 66H92Z", "#dc4c46")
        + box(86, 62, 32, 14, 4, INK)
        + shape("M88 76H116Q138 84 138 104V176Q138 186 128 186H76Q66 186 66 176V104Q66 84 88 76Z", tint.main)
        + box(66, 112, 72, 46, 0, WHITE)
        + ring(90, 135, 11, tint.dark, 4)
        + ring(112, 135, 11, tint.dark, 4)
        + box(74, 96, 7, 12, 3, tint.light)
        + drop
    )


def wash(tint: Tint) -> str:
    bubbles = "".join(
        disc(x, y, r, WHITE, f'stroke="{tint.light}" stroke-width="2.5"')
        for x, y, r in ((166, 132, 13), (186, 112, 8), (160, 104, 7), (184, 150, 9))
    )
    return (
        shape("M74 40H124Q136 40 138 52L140 62H120L112 60V76H92V60H74Q68 60 68 50Q68 40 74 40Z", INK)
        + line("M112 64Q122 66 124 82", "#dc4c46", 6)
        + shape("M92 76H114Q136 90 138 112V178Q138 188 128 188H78Q68 188 68 178V112Q70 90 92 76Z", tint.main)
        + box(68, 116, 70, 46, 0, WHITE)
        + shape("M103 122Q118 142 118 146A15 13 0 0 1 88 146Q88 142 103 122Z", tint.main)
        + line("M54 46L38 40M54 50H36M54 54L38 60", tint.light, 4)
        + bubbles
    )


def mudguards(tint: Tint) -> str:
    return (
        line("M40 150A66 66 0 0 1 168 108", tint.dark, 15)
        + line("M40 150A66 66 0 0 1 168 108", tint.main, 10)
        + line("M44 126A62 62 0 0 1 90 74", tint.light, 2.5)
        + line("M68 80L108 146M152 86L108 146", STEEL, 3.5)
        + disc(108, 146, 6, INK)
        + line("M86 188A66 66 0 0 1 192 160", tint.dark, 15)
        + line("M86 188A66 66 0 0 1 192 160", tint.main, 10)
        + shape("M34 146L48 152L44 176L26 172Z", INK)
    )


def bell(tint: Tint) -> str:
    return (
        line("M40 84Q30 104 40 124M24 76Q8 104 24 134", tint.main, 5)
        + shape("M58 124A54 54 0 0 1 166 124Z", tint.main)
        + shape("M70 112Q72 84 98 76Q84 92 84 112Z", tint.light)
        + box(50, 120, 124, 14, 7, tint.dark)
        + disc(112, 68, 8, tint.dark)
        + box(98, 134, 28, 18, 3, INK)
        + box(80, 148, 64, 16, 8, INK)
        + line("M160 138L184 158", INK, 6)
        + disc(186, 160, 7, STEEL)
    )


# ---------------------------------------------------------------- parts


def pedals(tint: Tint) -> str:
    def one() -> str:
        pins = "".join(disc(x, y, 3, PALE) for x in (70, 150) for y in (76, 92, 108))
        return (
            shape("M62 66H158L166 92L158 118H62L54 92Z", tint.main)
            + shape("M80 76H140V84H80ZM80 100H140V108H80Z", mix(tint.dark, INK, 0.4))
            + box(74, 86, 92, 12, 4, STEEL)
            + box(160, 84, 30, 16, 3, PALE)
            + line("M172 86V98M178 86V98M184 86V98", STEEL, 2)
            + pins
        )

    return moved(-22, -14, turned(-8, one(), 110, 92)) + moved(16, 52, turned(-8, one(), 110, 92))


def saddle(tint: Tint) -> str:
    return (
        line("M58 112Q84 146 118 142Q150 138 176 112", STEEL, 6)
        + line("M72 116Q92 136 118 134Q144 130 164 114", PALE, 5)
        + box(104, 130, 26, 14, 4, INK)
        + box(110, 140, 14, 44, 3, STEEL)
        + shape(
            "M28 76Q36 58 66 66Q110 82 158 74Q190 70 198 84Q200 94 186 98Q140 108 112 116Q82 126 54 122Q26 116 28 76Z",
            tint.main,
        )
        + shape(
            "M28 84Q40 104 74 104Q120 102 198 86Q200 94 186 98Q140 108 112 116Q82 126 54 122Q28 118 28 84Z", tint.dark
        )
        + line("M60 80Q104 94 150 84", tint.light, 4)
    )


def tire(tint: Tint) -> str:
    wall = "#c89b62" if tint.main == TONES["Brown"] else tint.light
    knobs = "".join(
        line(
            f"M{110 + 66 * cos(a):.1f} {110 + 66 * sin(a):.1f}L{110 + 77 * cos(a + 0.06):.1f} {110 + 77 * sin(a + 0.06):.1f}",
            INK,
            4,
        )
        for a in (k * pi / 22 for k in range(44))
    )
    return (
        ring(110, 110, 68, mix(tint.main, INK, 0.6), 22)
        + knobs
        + ring(110, 110, 57, wall, 7)
        + ring(110, 110, 50, tint.dark, 4)
    )


def tube(tint: Tint) -> str:
    ink = mix(INK, STEEL, 0.15)
    coil = ring(112, 118, 54, ink, 17) + ring(
        112, 118, 54, STEEL, 2, 'stroke-dasharray="60 280" stroke-dashoffset="-150"'
    )
    inner = ring(112, 118, 33, ink, 17)
    return (
        coil
        + inner
        + line("M112 66V36", STEEL, 6)
        + box(107.5, 28, 9, 14, 3, INK)
        + shape("M82 104H142V138H82Z", tint.main)
        + box(82, 110, 60, 7, 0, WHITE)
        + line("M92 127H132", WHITE, 4)
    )


def chain(tint: Tint) -> str:
    def links(n: int) -> str:
        plates = "".join(box(20 + 30 * k, 96, 42, 22, 11, tint.dark if k % 2 else tint.main) for k in range(n))
        return plates + "".join(
            disc(31 + 30 * k, 107, 5.5, PALE) + disc(31 + 30 * k, 107, 2.2, INK) for k in range(n + 1)
        )

    return (
        moved(8, -44, turned(-10, links(5))) + moved(20, 0, turned(-10, links(5))) + moved(8, 44, turned(-10, links(5)))
    )


def brake_pads(tint: Tint) -> str:
    def one() -> str:
        return (
            shape("M76 36H128V60L148 78V160Q148 168 140 168H64Q56 168 56 160V78L76 60Z", STEEL)
            + disc(102, 48, 6, INK)
            + shape("M66 86Q102 70 138 86V154Q138 160 132 160H72Q66 160 66 154Z", tint.main)
            + line("M102 88V158", tint.dark, 5)
            + line("M74 94Q84 88 92 87", tint.light, 4)
        )

    return moved(36, 12, turned(10, one())) + moved(-26, 0, turned(-8, one()))


def bar_tape(tint: Tint) -> str:
    def roll(x: float, y: float) -> str:
        return (
            disc(x, y, 42, tint.dark)
            + "".join(ring(x, y, r, tint.main, 5) for r in (38, 30, 22))
            + disc(x, y, 11, PALE)
            + ring(x, y, 11, STEEL, 3)
        )

    return (
        shape("M74 128H190Q198 128 198 136V144Q198 152 190 152H74Z", tint.main)
        + line("M110 140H184", tint.light, 3)
        + roll(146, 86)
        + roll(74, 112)
        + disc(52, 170, 10, INK)
        + disc(84, 174, 10, INK)
    )


DRAWINGS: dict[str, Callable[[Tint], str]] = {
    "road-bike": road_bike,
    "mountain-bike": mountain_bike,
    "city-bike": city_bike,
    "gravel-bike": gravel_bike,
    "pedals": pedals,
    "saddle": saddle,
    "tire": tire,
    "tube": tube,
    "chain": chain,
    "brake-pads": brake_pads,
    "bar-tape": bar_tape,
    "helmet": helmet,
    "trail-helmet": trail_helmet,
    "urban-helmet": urban_helmet,
    "bottle": bottle,
    "bottle-cage": bottle_cage,
    "light": light,
    "rear-light": rear_light,
    "u-lock": u_lock,
    "folding-lock": folding_lock,
    "chain-lock": chain_lock,
    "mini-pump": mini_pump,
    "floor-pump": floor_pump,
    "bag": bag,
    "saddle-bag": saddle_bag,
    "panniers": panniers,
    "backpack": backpack,
    "computer": computer,
    "multi-tool": multi_tool,
    "levers": levers,
    "lube": lube,
    "wash": wash,
    "mudguards": mudguards,
    "bell": bell,
    "glasses": glasses,
    "goggles": goggles,
    "jersey": jersey,
    "tee": tee,
    "shorts": shorts,
    "bib-shorts": bib_shorts,
    "gloves": gloves,
    "trail-gloves": trail_gloves,
    "socks": socks,
    "cap": cap,
    "jacket": jacket,
}


def tile(name: str, color: str) -> str:
    """A whole picture as SVG: a soft tile in the product's color, a shadow on the ground, the drawing."""
    tint = Tint(TONES[color])
    hue = tint.main if color not in ("White", "Black") else "#8fa3b8"
    ground, sun = mix(hue, "#fbf8f3", 0.84), mix(hue, "#fbf8f3", 0.7)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 220" width="{SIZE_PX}" height="{SIZE_PX}">'
        f'<rect width="220" height="220" fill="{ground}"/>{disc(110, 108, 88, sun)}'
        f'<ellipse cx="110" cy="194" rx="66" ry="6" fill="{mix(hue, INK, 0.5)}" opacity="0.16"/>{DRAWINGS[name](tint)}</svg>'
    )


def as_png(svg: str) -> bytes:
    """The picture in a palette of few colors: flat drawings keep their look at a fifth of the size."""
    rendered = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGB")
    out = io.BytesIO()
    rendered.quantize(COLORS, kmeans=2, dither=Image.Dither.NONE).save(out, "PNG", bits=8)
    return bytes(oxipng.optimize_from_memory(out.getvalue(), level=4, deflate=oxipng.Deflaters.libdeflater(12)))


def main() -> None:
    wanted = {p.picture: (drawing(m.category, m.name), p.color) for m, variants in catalog().items() for p in variants}
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for file, (name, color) in sorted(wanted.items()):
        (FOLDER / file).write_bytes(as_png(tile(name, color)))
    total = sum(file.stat().st_size for file in FOLDER.glob("*.png"))
    print(f"{len(wanted)} pictures, {total / 1000:.0f} kB")


if __name__ == "__main__":
    main()
