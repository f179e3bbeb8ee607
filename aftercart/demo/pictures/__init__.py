"""Which of our own drawings shows a product of the generated bike shop.

The PNG files beside this module are drawn by `python -m tools.draw_pictures`, one for each drawing and color in the catalog.
"""

from pathlib import Path

FOLDER = Path(__file__).parent

_BY_CATEGORY = {
    "Road Bikes": "road-bike",
    "Mountain Bikes": "mountain-bike",
    "City Bikes": "city-bike",
    "Gravel Bikes": "gravel-bike",
    "Pedals": "pedals",
    "Saddles": "saddle",
    "Tires": "tire",
    "Tubes": "tube",
    "Chains": "chain",
    "Brake Pads": "brake-pads",
    "Bar Tape": "bar-tape",
    "Helmets": "helmet",
    "Bottles": "bottle",
    "Bottle Cages": "bottle-cage",
    "Lights": "light",
    "Locks": "u-lock",
    "Pumps": "mini-pump",
    "Bags": "bag",
    "Computers": "computer",
    "Tools": "multi-tool",
    "Care": "lube",
    "Mudguards": "mudguards",
    "Bells": "bell",
    "Glasses": "glasses",
    "Jerseys": "jersey",
    "Shorts": "shorts",
    "Gloves": "gloves",
    "Socks": "socks",
    "Caps": "cap",
    "Jackets": "jacket",
}
_BY_MODEL = {
    "Trail Helmet": "trail-helmet",
    "Urban Helmet": "urban-helmet",
    "Ember Rear Light": "rear-light",
    "Folding Lock": "folding-lock",
    "Chain Lock": "chain-lock",
    "Floor Pump with Gauge": "floor-pump",
    "Saddle Bag 0.8 l": "saddle-bag",
    "Panniers, Pair": "panniers",
    "Hydration Backpack": "backpack",
    "Tire Levers, Set of Three": "levers",
    "Bike Wash 1 l": "wash",
    "Trail Goggles": "goggles",
    "Merino Tee": "tee",
    "Bib Shorts": "bib-shorts",
    "Trail Gloves": "trail-gloves",
}


def drawing(category: str, model: str) -> str:
    """The name of the drawing for a model. Raises KeyError for a category that nobody has drawn yet."""
    return _BY_MODEL.get(model) or _BY_CATEGORY[category]


def picture(category: str, model: str, color: str) -> str:
    """The file name of the picture of a model in a color: `helmet-red.png`."""
    return f"{drawing(category, model)}-{color.lower()}.png"
