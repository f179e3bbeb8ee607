# ruff: noqa: E501  # the outlines are drawn, not read
"""What goes on the bike."""

from itertools import pairwise
from math import cos, pi, sin

from tools.draw_pictures.colors import INK, PALE, STEEL, WHITE, Tint, mix
from tools.draw_pictures.strokes import box, disc, line, moved, ring, shape, turned


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
