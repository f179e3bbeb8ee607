"""Draw the product pictures of the demo's bike shop: flat SVG drawings, rendered at 440 x 440 as small PNGs.

E-mail clients show no SVG, so the PNGs are committed. Run this after changing a drawing or the catalog:

    pip install pillow resvg-py pyoxipng && python -m tools.draw_pictures
"""

import io
from collections.abc import Callable

import oxipng
import resvg_py
from PIL import Image

from aftercart.demo.catalog import catalog
from aftercart.demo.pictures import FOLDER, drawing
from tools.draw_pictures.bikes import city_bike, gravel_bike, mountain_bike, road_bike
from tools.draw_pictures.colors import TONES, Tint, mix
from tools.draw_pictures.mounted import (
    backpack,
    bag,
    bell,
    bottle,
    bottle_cage,
    chain_lock,
    computer,
    floor_pump,
    folding_lock,
    levers,
    light,
    lube,
    mini_pump,
    mudguards,
    multi_tool,
    panniers,
    rear_light,
    saddle_bag,
    u_lock,
    wash,
)
from tools.draw_pictures.parts import INK, bar_tape, brake_pads, chain, pedals, saddle, tire, tube
from tools.draw_pictures.strokes import disc
from tools.draw_pictures.worn import (
    bib_shorts,
    cap,
    glasses,
    gloves,
    goggles,
    helmet,
    jacket,
    jersey,
    shorts,
    socks,
    tee,
    trail_gloves,
    trail_helmet,
    urban_helmet,
)

SIZE_PX, COLORS = 440, 18

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
        f'<ellipse cx="110" cy="194" rx="66" ry="6" fill="{mix(hue, INK, 0.5)}" opacity="0.16"/>'
        f"{DRAWINGS[name](tint)}</svg>"
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
