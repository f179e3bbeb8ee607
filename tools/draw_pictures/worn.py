# ruff: noqa: E501  # the outlines are drawn, not read
"""What goes on the head and body."""

from tools.draw_pictures.colors import INK, PALE, TONES, WHITE, Tint, mix
from tools.draw_pictures.strokes import box, disc, line, moved, shape, turned


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
