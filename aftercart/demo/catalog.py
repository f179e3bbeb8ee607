"""What the demo's bike shop sells: models, and the variants of size and color that follow from them.

Brands, models and prices are invented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from aftercart.demo.pictures import picture
from aftercart.demo.shop import SHOP_URL, Product

CURRENCY = "EUR"
RIDERS = ("road", "mountain", "city", "gravel")
EVERYBODY = (1.0, 1.0, 1.0, 1.0)
ROAD, MOUNTAIN, CITY, GRAVEL = (1, 0.02, 0.06, 0.2), (0.02, 1, 0.03, 0.15), (0.05, 0.03, 1, 0.08), (0.2, 0.15, 0.1, 1)
DROP_BAR, ROUGH, NOT_CITY, RELAXED = (1, 0.05, 0.1, 0.8), (0.05, 1, 0.1, 0.7), (1, 1, 0.1, 1), (0.15, 0.1, 1, 0.4)
FRAMES_CM, FRAMES, WEAR, TWO, ONE = ("54", "58"), ("M", "L"), ("S", "M", "L"), ("S/M", "L/XL"), ("",)


@dataclass(frozen=True, slots=True)
class Model:
    """A family of variants: every color in every size. `riders`: how much each of RIDERS wants it."""

    code: str
    name: str
    category: str
    department: str
    brand: str
    price_minor: int
    colors: tuple[str, ...]
    sizes: tuple[str, ...]
    riders: tuple[float, float, float, float]
    description: str

    def variants(self) -> Iterator[Product]:
        """The model's products, color by color."""
        for color in self.colors:
            for size in self.sizes:
                yield _variant(self, color, size)


def _variant(model: Model, color: str, size: str) -> Product:
    sku = "-".join(filter(None, (model.code, color[:3].upper(), size.replace("/", ""))))
    return Product(
        sku=sku,
        title=", ".join(filter(None, (model.name, color, size))),
        category=model.category,
        department=model.department,
        family=model.name,
        color=color,
        size=size,
        brand=model.brand,
        description=model.description,
        price_minor=model.price_minor,
        currency=CURRENCY,
        url=f"{SHOP_URL}/products/{sku.lower()}",
        picture=picture(model.category, model.name, color),
    )


@lru_cache(maxsize=1)
def catalog() -> dict[Model, tuple[Product, ...]]:
    """Every model with its variants, in the order of the tables below."""
    return {model: tuple(model.variants()) for model in (*_BIKES, *_COMPONENTS, *_ACCESSORIES, *_CLOTHING)}


# fmt: off
_BIKES = (
    Model("BK-SWIFT3", "Swift 3 Road Bike", "Road Bikes", "Bikes", "Larkfield", 119000, ("Red", "Blue"), FRAMES_CM,
          ROAD, "A light aluminum frame, a carbon fork and gears for the steep side of the hill."),
    Model("BK-SWIFT7", "Swift 7 Carbon Road Bike", "Road Bikes", "Bikes", "Larkfield", 269000, ("Black",), FRAMES_CM,
          ROAD, "Full carbon, electronic shifting, and still comfortable after the fourth hour."),
    Model("BK-RIDGE", "Ridge 29 Mountain Bike", "Mountain Bikes", "Bikes", "Brambleway", 139000, ("Green", "Orange"),
          FRAMES, MOUNTAIN, "A trail hardtail with 29-inch wheels that climbs willingly and comes down grinning."),
    Model("BK-CAIRN", "Cairn 140 Full-Suspension Bike", "Mountain Bikes", "Bikes", "Brambleway", 319000, ("Black",),
          FRAMES, MOUNTAIN, "140 mm of travel at both ends for roots, rocks and long alpine days."),
    Model("BK-PROM", "Promenade City Bike", "City Bikes", "Bikes", "Quillon", 69000, ("Teal", "Sand"), FRAMES,
          CITY, "Upright, quiet, with a chain guard and a rack: step on in what you are wearing."),
    Model("BK-PROME", "Promenade Electric City Bike", "City Bikes", "Bikes", "Quillon", 249000, ("Gray",), FRAMES,
          CITY, "The Promenade with a silent hub motor and eighty kilometers of range."),
    Model("BK-DRIFT", "Drifter Gravel Bike", "Gravel Bikes", "Bikes", "Larkfield", 179000, ("Sand", "Green"), FRAMES_CM,
          GRAVEL, "Room for wide tires and mounts for everything you want to carry past the end of the road."),
)
_COMPONENTS = (
    Model("CO-PEDR", "Road Clipless Pedals", "Pedals", "Components", "Larkfield", 8900, ("Black",), ONE,
          DROP_BAR, "A wide platform and a clear click. Cleats included."),
    Model("CO-PEDM", "Trail Flat Pedals", "Pedals", "Components", "Brambleway", 6900, ("Black", "Orange"), ONE,
          ROUGH, "Sealed bearings and ten replaceable pins a side."),
    Model("CO-PEDC", "Rubber Grip Pedals", "Pedals", "Components", "Quillon", 2900, ("Gray",), ONE,
          CITY, "Kind to good shoes, sure in the rain."),
    Model("CO-SADR", "Race Saddle", "Saddles", "Components", "Larkfield", 9900, ("Black",), ONE,
          DROP_BAR, "Short nose, long cut-out, 190 grams."),
    Model("CO-SADC", "Comfort Saddle", "Saddles", "Components", "Quillon", 4900, ("Brown",), ONE,
          RELAXED, "Sprung and padded for upright riding."),
    Model("CO-SADM", "Trail Saddle", "Saddles", "Components", "Brambleway", 6900, ("Gray",), ONE,
          ROUGH, "A tough cover and a tail that lets you slide back on the steep bits."),
    Model("CO-TYRR", "Road Tire 700x28", "Tires", "Components", "Larkfield", 4500, ("Black",), ONE,
          ROAD, "Fast rubber over a puncture belt."),
    Model("CO-TYRM", "Mountain Tire 29x2.4", "Tires", "Components", "Brambleway", 5500, ("Black",), ONE,
          MOUNTAIN, "Tall knobs, soft compound, tough sides."),
    Model("CO-TYRC", "City Tire 700x40 Reflective", "Tires", "Components", "Quillon", 3200, ("Gray",), ONE,
          CITY, "A reflective side wall and five millimeters of puncture protection."),
    Model("CO-TYRG", "Gravel Tire 700x42", "Tires", "Components", "Larkfield", 4900, ("Brown",), ONE,
          GRAVEL, "A fast center, knobs for the corners, tan walls for the photos."),
    Model("CO-TUBR", "Road Tube 700x25-32", "Tubes", "Components", "Larkfield", 700, ("Red",), ONE,
          (1, 0, 0, 0), "Light butyl with a 60 mm valve."),
    Model("CO-TUBM", "Mountain Tube 29x2.2-2.6", "Tubes", "Components", "Brambleway", 800, ("Green",), ONE,
          (0, 1, 0, 0), "Thick butyl for rough ground."),
    Model("CO-TUBC", "All-Round Tube 700x35-45", "Tubes", "Components", "Quillon", 600, ("Teal",), ONE,
          (0, 0, 1, 1), "Fits city and gravel tires alike."),
    Model("CO-CHA12", "12-Speed Chain", "Chains", "Components", "Larkfield", 4500, ("Gray",), ONE,
          NOT_CITY, "Smooth shifting for twelve speeds. Quick link included."),
    Model("CO-CHA8", "8-Speed Chain", "Chains", "Components", "Quillon", 1900, ("Brown",), ONE,
          RELAXED, "A rust-proof chain for hub gears and eight speeds."),
    Model("CO-PADD", "Disc Brake Pads", "Brake Pads", "Components", "Brambleway", 2200, ("Blue",), ONE,
          (0.8, 1, 0.2, 1), "Sintered pads that bite in the wet. One pair."),
    Model("CO-PADR", "Rim Brake Pads", "Brake Pads", "Components", "Quillon", 1200, ("Black",), ONE,
          (0.4, 0.05, 1, 0.05), "Two pairs, with wear marks."),
    Model("CO-TAPE", "Cork Bar Tape", "Bar Tape", "Components", "Larkfield", 2400, ("Teal", "White"), ONE,
          DROP_BAR, "Soft, grippy, easy to wind. End plugs included."),
)
_ACCESSORIES = (
    Model("AC-HELR", "Aero Road Helmet", "Helmets", "Accessories", "Larkfield", 14900, ("Red", "White", "Black"), ONE,
          DROP_BAR, "Eighteen vents, 250 grams, one dial to fit."),
    Model("AC-HELM", "Trail Helmet", "Helmets", "Accessories", "Brambleway", 11900, ("Green", "Orange", "Black"), ONE,
          ROUGH, "A deep back, a visor, and room for goggles."),
    Model("AC-HELC", "Urban Helmet", "Helmets", "Accessories", "Quillon", 7900, ("Teal", "Sand", "Gray"), ONE,
          CITY, "A plain round shell with a light in the back."),
    Model("AC-BOTR", "Insulated Bottle 0.6 l", "Bottles", "Accessories", "Larkfield", 1900, ("Red", "Blue"), ONE,
          DROP_BAR, "Keeps cold cold for three hours. Dishwasher-safe."),
    Model("AC-BOTM", "Trail Bottle 0.75 l", "Bottles", "Accessories", "Brambleway", 1400, ("Green",), ONE,
          ROUGH, "A cap over the valve keeps the mud out."),
    Model("AC-CAGR", "Carbon Bottle Cage", "Bottle Cages", "Accessories", "Larkfield", 3900, ("Black",), ONE,
          ROAD, "28 grams that do not let go."),
    Model("AC-CAGA", "Alloy Bottle Cage", "Bottle Cages", "Accessories", "Quillon", 1200, ("Gray",), ONE,
          (0.5, 0.3, 1, 1), "A classic bend of aluminum."),
    Model("AC-CAGM", "Side-Entry Bottle Cage", "Bottle Cages", "Accessories", "Brambleway", 1700, ("Orange",), ONE,
          ROUGH, "For small frames and big shocks: the bottle goes in from the side."),
    Model("AC-LITF", "Beacon 800 Front Light", "Lights", "Accessories", "Larkfield", 7900, ("Black",), ONE,
          NOT_CITY, "800 lumens, four hours, charged by USB-C."),
    Model("AC-LITC", "City Light Set", "Lights", "Accessories", "Quillon", 3900, ("Teal",), ONE,
          (0.2, 0.1, 1, 0.4), "Front and rear, tool-free straps, seen from 500 meters."),
    Model("AC-LITR", "Ember Rear Light", "Lights", "Accessories", "Larkfield", 2900, ("Red",), ONE,
          (1, 0.4, 0.6, 1), "Brightens by itself when you brake."),
    Model("AC-LOKU", "U-Lock Bastion", "Locks", "Accessories", "Quillon", 6900, ("Black",), ONE,
          (0.3, 0.3, 1, 0.4), "14 mm of hardened steel. Three keys."),
    Model("AC-LOKF", "Folding Lock", "Locks", "Accessories", "Quillon", 7900, ("Orange",), ONE,
          (0.6, 0.4, 1, 0.8), "Folds to the size of a bottle and rides on the frame."),
    Model("AC-LOKC", "Chain Lock", "Locks", "Accessories", "Quillon", 4900, ("Gray",), ONE,
          (0.05, 0.1, 1, 0.1), "90 cm of chain in a sleeve that is kind to paint."),
    Model("AC-PUMM", "Mini Pump", "Pumps", "Accessories", "Larkfield", 2900, ("Gray",), ONE,
          (1, 0.6, 0.2, 1), "Fits a back pocket, reaches 7 bar."),
    Model("AC-PUMF", "Floor Pump with Gauge", "Pumps", "Accessories", "Quillon", 4900, ("Red",), ONE,
          EVERYBODY, "A wide foot, a long hose, a gauge that you can read."),
    Model("AC-PUMS", "Shock Pump", "Pumps", "Accessories", "Brambleway", 3900, ("Orange",), ONE,
          MOUNTAIN, "For forks and shocks up to 20 bar."),
    Model("AC-BAGS", "Saddle Bag 0.8 l", "Bags", "Accessories", "Larkfield", 2400, ("Black",), ONE,
          (1, 0.5, 0.2, 0.8), "A tube, two levers, a multi-tool and a bar."),
    Model("AC-BAGH", "Handlebar Bag", "Bags", "Accessories", "Larkfield", 5900, ("Sand",), ONE,
          (0.2, 0.1, 0.4, 1), "A roll bag for a jacket, lunch and a camera."),
    Model("AC-BAGP", "Panniers, Pair", "Bags", "Accessories", "Quillon", 9900, ("Blue", "Sand"), ONE,
          (0.05, 0.02, 1, 0.4), "Waterproof, 2 x 20 liters, off the rack in a second."),
    Model("AC-BAGR", "Hydration Backpack", "Bags", "Accessories", "Brambleway", 8900, ("Green",), ONE,
          ROUGH, "Two liters of water and a spine that breathes."),
    Model("AC-GPS", "Waypoint GPS Computer", "Computers", "Accessories", "Larkfield", 24900, ("Black",), ONE,
          NOT_CITY, "Maps, turns, climbs ahead, and twenty hours of battery."),
    Model("AC-CPU", "Wireless Bike Computer", "Computers", "Accessories", "Quillon", 3900, ("White",), ONE,
          (0.5, 0.4, 1, 0.4), "Speed, distance, time. Nothing to charge for a year."),
    Model("AC-TOOL", "Multi-Tool 17", "Tools", "Accessories", "Brambleway", 3200, ("Orange",), ONE,
          NOT_CITY, "Seventeen functions with a chain breaker."),
    Model("AC-LEV", "Tire Levers, Set of Three", "Tools", "Accessories", "Quillon", 500, ("Yellow",), ONE,
          EVERYBODY, "Strong enough for the tightest rim, kind to tubes."),
    Model("AC-OIL", "All-Weather Chain Lube", "Care", "Accessories", "Brambleway", 1200, ("Green",), ONE,
          EVERYBODY, "One drop a link, wipe, ride."),
    Model("AC-WASH", "Bike Wash 1 l", "Care", "Accessories", "Brambleway", 1300, ("Blue",), ONE,
          (0.8, 1, 0.4, 1), "Biodegradable. Spray, wait, rinse."),
    Model("AC-MUD", "Mudguard Set", "Mudguards", "Accessories", "Quillon", 3500, ("Black",), ONE,
          (0.3, 0.5, 1, 0.7), "A dry back and clean shoes."),
    Model("AC-BELL", "Brass Bell", "Bells", "Accessories", "Quillon", 1500, ("Yellow", "Teal"), ONE,
          (0.05, 0.05, 1, 0.2), "A friendly note that carries across the street."),
    Model("AC-GLAR", "Road Glasses", "Glasses", "Accessories", "Larkfield", 8900, ("Black", "Red"), ONE,
          DROP_BAR, "A wide lens that darkens in the sun."),
    Model("AC-GLAM", "Trail Goggles", "Glasses", "Accessories", "Brambleway", 7900, ("Green",), ONE,
          ROUGH, "Two lenses, no fog."),
)
_CLOTHING = (
    Model("CL-JERR", "Road Jersey", "Jerseys", "Clothing", "Larkfield", 7900, ("Red", "Blue"), WEAR,
          DROP_BAR, "Close cut, full zip, three pockets and a small one for keys."),
    Model("CL-JERM", "Trail Jersey", "Jerseys", "Clothing", "Brambleway", 5900, ("Green",), WEAR,
          ROUGH, "Loose and tough, with elbows that forgive."),
    Model("CL-JERG", "Merino Tee", "Jerseys", "Clothing", "Quillon", 6500, ("Sand",), WEAR,
          RELAXED, "Looks like a T-shirt, works like a jersey."),
    Model("CL-SHOR", "Bib Shorts", "Shorts", "Clothing", "Larkfield", 9900, ("Black",), WEAR,
          DROP_BAR, "A pad for long days and straps that you forget."),
    Model("CL-SHOM", "Trail Shorts", "Shorts", "Clothing", "Brambleway", 7900, ("Gray",), WEAR,
          (0.05, 1, 0.3, 0.6), "Stretch, a zipped pocket, and a removable liner."),
    Model("CL-GLOR", "Short-Finger Gloves", "Gloves", "Clothing", "Larkfield", 3500, ("Red",), WEAR,
          DROP_BAR, "Thin gel where the bar presses."),
    Model("CL-GLOM", "Trail Gloves", "Gloves", "Clothing", "Brambleway", 3900, ("Orange",), WEAR,
          (0.1, 1, 0.4, 0.4), "Full fingers, touch-screen tips, a single-layer palm."),
    Model("CL-SOX", "Ride Socks", "Socks", "Clothing", "Quillon", 1500, ("White", "Blue"), TWO,
          EVERYBODY, "Seamless toes, high cuff."),
    Model("CL-CAP", "Cycling Cap", "Caps", "Clothing", "Quillon", 2200, ("Blue", "Yellow"), ONE,
          (1, 0.3, 0.6, 1), "Under the helmet in the rain, on the terrace afterwards."),
    Model("CL-RAIN", "Rain Jacket", "Jackets", "Clothing", "Quillon", 12900, ("Yellow", "Teal"), WEAR,
          EVERYBODY, "Waterproof to 10,000 mm and packs into its own pocket."),
)
# fmt: on
