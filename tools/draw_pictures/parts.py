# ruff: noqa: E501  # the outlines are drawn, not read
"""Parts of a bike."""

from math import cos, pi, sin

from tools.draw_pictures.colors import INK, PALE, STEEL, TONES, WHITE, Tint, mix
from tools.draw_pictures.strokes import box, disc, line, moved, ring, shape, turned


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
