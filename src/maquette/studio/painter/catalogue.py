"""Nouns to subjects: which drawing function, which of its slots are the body, natural colours, options and attachments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from maquette.studio.painter import subjects_beasts as beasts
from maquette.studio.painter import subjects_creatures as creatures
from maquette.studio.painter import subjects_gear as gear
from maquette.studio.painter import subjects_household as household
from maquette.studio.painter import subjects_places as places
from maquette.studio.painter import subjects_plants as plants
from maquette.studio.painter import subjects_quadrupeds as quadrupeds
from maquette.studio.painter import subjects_sky as sky
from maquette.studio.painter import subjects_vehicles as vehicles
from maquette.studio.painter import subjects_vessels as vessels
from maquette.studio.painter import subjects_weapons as weapons
from maquette.studio.painter import subjects_wildlife as wildlife
from maquette.studio.painter.figure_human import human
from maquette.studio.painter.figure_robot import robot
from maquette.studio.painter.sketch import Sketch

Draw = Callable[[Sketch], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a noun stands for."""

    name: str
    draw: Draw
    words: tuple[str, ...]
    body: tuple[str, ...] = ("main",)
    """Slots that material and colour words change."""
    colours: Mapping[str, str] | None = None
    """Natural colours of palette roles; colour words and a given palette override them."""
    options: Mapping[str, str] | None = None
    wears: tuple[str, ...] = ()
    """Attachments that belong to it."""


def _subject(
    draw: Draw, words: str, body: str = "main", wears: str = "", colours: str = "", **options: str
) -> Subject:
    """Give a row of the table. ``words``: synonyms, the first names the subject; ``colours``: ``role=rrggbb`` pairs."""
    names = tuple(words.replace("_", " ").split("|")) if "|" in words else tuple(words.split())
    pairs = dict(pair.split("=", 1) for pair in colours.split())
    return Subject(
        names[0], draw, names, tuple(body.split()), pairs, options, tuple(w for w in wears.split(",") if w)
    )


_PEOPLE = (
    _subject(human, "hero adventurer explorer warrior fighter character person human man woman traveller traveler protagonist", wears="cape"),
    _subject(human, "knight paladin crusader guard soldier templar", "main metal", "helmet,shield,sword", "primary=b8323a accent=c83a34", build="broad", wear="armour"),
    _subject(human, "wizard mage sorcerer warlock magician merlin", "main", "beard,wizard hat,staff", "primary=3f4fa8 hair=dcdcd8", wear="robe", hair="long", beard="long"),
    _subject(human, "witch sorceress enchantress", "main", "wizard hat,staff", "primary=4b3566 hair=6a3a78 skin=b9c98a", wear="dress", hair="long", build="slim"),
    _subject(human, "courier messenger postman mailman mail carrier deliverer", "main", "cap,bag", "primary=3f6f9c", hair="short"),
    _subject(human, "pirate buccaneer corsair captain", "main", "tricorn,eyepatch,sword", "primary=8c2f39", wear="coat", hair="long"),
    _subject(human, "ninja assassin thief rogue shinobi", "main", "mask,scarf", "primary=3c3c50 accent=b8323a", wear="suit", build="lean", hair="bald"),
    _subject(human, "astronaut cosmonaut spaceman", "main", "space helmet", "primary=e8e9ee secondary=9aa4b4", wear="space", build="broad", hair="bald"),
    _subject(human, "viking barbarian berserker", "main", "horned helmet,beard,axe", "primary=8a6a3c hair=b8642e", wear="bare", build="broad", hair="long"),
    _subject(human, "dwarf miner blacksmith gnome", "main", "beard,axe", "primary=7a4a2e hair=b5552a", build="stocky", beard="long"),
    _subject(human, "elf archer ranger hunter", "main", "bow,hood", "primary=3f7a4a hair=e0c070", build="slim", ears="pointed", hair="long"),
    _subject(human, "king emperor prince ruler", "main", "crown,beard,cape", "primary=8a2f4a accent=b02a36", wear="robe", build="stocky"),
    _subject(human, "queen princess empress lady", "main", "crown", "primary=c4588c hair=e0b050", wear="dress", hair="long", build="slim"),
    _subject(human, "cowboy sheriff gunslinger bandit outlaw", "main", "cowboy hat,scarf", "primary=9a6238 accent=c83a34", wear="coat", build="lean"),
    _subject(human, "superhero superheroine vigilante", "main", "cape", "primary=2f5fc8 secondary=d83a3a accent=d83a3a", wear="suit", build="giant", hair="swept"),
    _subject(human, "skeleton undead lich", "cream", "", "glow=7dff9a", wear="bones", face="skull", build="bony"),
    _subject(human, "zombie ghoul mummy", "skin main", "", "skin=8aa870 primary=6a6f5c hair=4a4438", wear="tunic", build="bony", hair="spiky"),
    _subject(human, "alien martian extraterrestrial", "main", "", "primary=6fbf5a secondary=3f8f7f", wear="suit", face="alien", build="lanky", hair="bald"),
    _subject(human, "ogre troll orc giant goliath brute cyclops", "main", "", "primary=6f9a4a secondary=9ab86a", wear="hide", face="brute", build="giant", hair="bald", ears="pointed"),
    _subject(human, "goblin gremlin hobgoblin kobold", "main", "bag", "primary=7fae3f secondary=a8c86a", wear="hide", face="brute", build="child", hair="bald", ears="pointed"),
    _subject(human, "golem elemental colossus", "main stone", "spikes", "primary=8f8a80 secondary=6f6a62", wear="hide", face="brute", build="stocky", hair="bald"),
    _subject(human, "demon devil imp fiend", "main", "horns,bat wings,tail", "primary=b8323a secondary=d8685a", wear="hide", face="brute", build="lean", hair="bald", ears="pointed"),
    _subject(human, "angel cherub seraph valkyrie", "main", "wings,halo", "primary=f1ece0 hair=e6c46a", wear="robe", hair="long", build="slim"),
    _subject(human, "fairy pixie sprite nymph", "main", "insect wings,flower", "primary=7fc87a hair=e87aa8", wear="dress", build="child", hair="long", ears="pointed"),
    _subject(human, "vampire dracula count", "main", "cape", "primary=2f2a38 accent=a01f2c skin=d8d0cf hair=1c1a22", wear="coat", hair="swept", build="lean", ears="pointed"),
    _subject(human, "samurai ronin shogun", "main metal", "horned helmet,sword", "primary=b8323a metal=6a4a4a", wear="armour", build="hero"),
    _subject(human, "monk priest cleric druid shaman hermit", "main", "hood,staff", "primary=8a6238", wear="robe", hair="bald"),
    _subject(human, "chef cook baker", "main", "chef hat,scarf", "primary=f1efe8 accent=c83a34", wear="coat", build="stocky"),
    _subject(human, "farmer gardener scarecrow peasant villager merchant", "main", "straw hat", "primary=4f7ab0", build="broad"),
    _subject(human, "child kid boy girl baby apprentice student", "main", "backpack", "primary=e0903a", build="child"),
    _subject(human, "scientist doctor professor engineer inventor mechanic", "main", "glasses", "primary=eceff2 secondary=5f9fb0", wear="coat", hair="spiky", build="slim"),
    _subject(human, "diver swimmer", "main", "space helmet,jetpack", "primary=c8923a accent=c83a34", wear="space", build="stocky", hair="bald"),
    _subject(human, "pilot aviator racer driver", "main", "goggles,scarf", "primary=8a5a34 accent=c83a34", wear="coat", build="lean"),
    _subject(human, "bard musician jester clown", "main", "top hat,bow tie", "primary=8c4fb0 secondary=e0b040 accent=3fa070", wear="suit", build="child"),
    _subject(robot, "robot android automaton bot droid machine cyborg"),
    _subject(robot, "mech mecha exosuit", "main", "jetpack", head="wide", hands="fist", wide="1.5"),
)  # fmt: skip

_ANIMALS = (
    _subject(creatures.creature, "creature monster beast critter yeti bigfoot pet mascot", colours="primary=6f8fd0"),
    _subject(creatures.ghost, "ghost spirit phantom spectre specter wraith", colours="primary=e4ecf4"),
    _subject(creatures.slime, "slime blob jelly ooze", colours="primary=6fd05a"),
    _subject(quadrupeds.standing, "dragon wyvern drake wyrm", colours="primary=4f9a4a secondary=e8d28a accent=c8553d", coat="scales", face="dragon", head="0.17", neck="0.3", rise="0.46", bulk="0.25", leg="0.38", shank="0.38", tail="spade", feet="claw", wings="yes", ears="none"),
    _subject(quadrupeds.standing, "dinosaur lizard crocodile salamander", colours="primary=6a9a4a secondary=e8d28a accent=c8853d", coat="scales", face="dragon", head="0.15", neck="0.36", rise="0.1", bulk="0.22", leg="0.26", shank="0.4", tail="spade", feet="claw", ears="none"),
    _subject(quadrupeds.standing, "fox vixen", colours="primary=e0762f secondary=f6ead8 accent=3a2a28", leg="0.46", bulk="0.2", head="0.17", neck="0.2", rise="0.26", muzzle="1.5", tail="bushy", bib="yes", shank="0.36"),
    _subject(quadrupeds.standing, "cat kitten kitty panther lynx", colours="primary=8a8f9c secondary=f1ece2 accent=5fae5a", leg="0.42", bulk="0.2", head="0.19", neck="0.16", rise="0.3", face="feline", tail="long", shank="0.36", socks="yes"),
    _subject(quadrupeds.standing, "dog puppy hound", colours="primary=b87a3f secondary=f1e2c8 accent=6a4a2e", leg="0.48", bulk="0.23", head="0.19", neck="0.18", rise="0.34", ears="floppy", muzzle="1.25", bib="yes", socks="yes"),
    _subject(beasts.sitting, "rabbit bunny hare", colours="primary=d8cfc4 secondary=fbf6ee accent=e8a0a8", ears="rabbit", tail="puff", width="0.34"),
    _subject(quadrupeds.standing, "bear grizzly", colours="primary=7a4f30 secondary=d8b488 accent=4a3020", leg="0.4", bulk="0.34", head="0.24", neck="0.22", rise="0.14", face="bear", ears="round", tail="stub", feet="claw", shank="0.36"),
    _subject(beasts.sitting, "teddy panda koala cub", colours="primary=8a5c3a secondary=d8b488 accent=4a3020", ears="round", muzzle="wide", tail="none", width="0.5"),
    _subject(beasts.sitting, "mouse rat hamster squirrel", colours="primary=a09aa0 secondary=f1e6e0 accent=e8a0a8", ears="mouse", tail="curl", width="0.27"),
    _subject(quadrupeds.standing, "lion lioness", colours="primary=d89a3f secondary=f6e6c0 accent=8a4a20 hair=8a4a20", leg="0.5", bulk="0.26", head="0.2", neck="0.22", rise="0.26", face="feline", ears="round", tail="tuft", mane="ruff", feet="claw"),
    _subject(quadrupeds.standing, "tiger leopard cougar cheetah jaguar", colours="primary=e08a3a secondary=f6e6c0 accent=3a2a28", leg="0.46", bulk="0.24", head="0.2", neck="0.24", rise="0.2", face="feline", ears="round", tail="long", coat="striped"),
    _subject(quadrupeds.standing, "horse pony stallion unicorn donkey zebra", colours="primary=9a6238 secondary=b98a5c hair=3a2418", leg="0.66", bulk="0.24", head="0.15", neck="0.26", rise="0.52", face="equine", tail="hair", mane="yes", feet="hoof"),
    _subject(quadrupeds.standing, "deer stag elk reindeer moose gazelle", wears="antlers", colours="primary=b07a44 secondary=ecd9b8", leg="0.68", bulk="0.2", head="0.14", neck="0.24", rise="0.48", face="equine", ears="side", tail="stub", feet="hoof", bib="yes"),
    _subject(quadrupeds.standing, "wolf coyote hyena jackal husky", colours="primary=7f8793 secondary=d8dade", leg="0.54", bulk="0.23", head="0.17", neck="0.26", rise="0.22", muzzle="1.6", tail="bushy", bib="yes"),
    _subject(quadrupeds.standing, "cow bull ox buffalo goat sheep bison", wears="horns", colours="primary=8a5a3c secondary=ecd9c0", leg="0.46", bulk="0.32", head="0.19", neck="0.26", rise="0.2", face="bovine", ears="side", tail="tuft", feet="hoof", shank="0.28"),
    _subject(quadrupeds.standing, "pig boar piglet hog", colours="primary=e8a0a4 secondary=f6c8c8", leg="0.3", bulk="0.34", head="0.23", neck="0.24", rise="0.06", face="bovine", muzzle="disc", ears="side", tail="stub", feet="hoof", shank="0.26"),
    _subject(quadrupeds.standing, "elephant mammoth rhino hippo", colours="primary=8f97a3 secondary=a9b0ba", leg="0.52", bulk="0.38", head="0.26", neck="0.26", rise="0.18", face="elephant", tail="tuft", shank="0.36", feet="claw"),
    _subject(wildlife.bird, "bird chick chicken parrot raven crow eagle duck pigeon phoenix robin sparrow", colours="primary=3f8fd0 secondary=f1e6cf"),
    _subject(wildlife.owl, "owl owlet penguin", colours="primary=8a6238 secondary=e8d2a8"),
    _subject(wildlife.fish, "fish goldfish koi salmon carp", colours="primary=e8853a secondary=f2b65a"),
    _subject(wildlife.shark, "shark whale dolphin orca", colours="primary=5f7f9c"),
    _subject(wildlife.snake, "snake serpent cobra python worm eel", colours="primary=5a9a3f"),
    _subject(wildlife.turtle, "turtle tortoise", colours="primary=4f8a4a secondary=a8b85a"),
    _subject(wildlife.spider, "spider tarantula scorpion crab", colours="primary=4a3f4f"),
    _subject(wildlife.insect, "butterfly moth", colours="primary=3f7fd0 secondary=7fc0f0 accent=f0b03a"),
    _subject(wildlife.insect, "bee wasp hornet dragonfly fly beetle ladybug bug insect", colours="primary=f0b83a", wings="small"),
    _subject(wildlife.octopus, "octopus squid kraken jellyfish", colours="primary=a85ab0 secondary=d89ae0"),
    _subject(wildlife.starfish, "starfish", colours="primary=e8853a secondary=f6c88a"),
)  # fmt: skip

_PROPS = (
    _subject(vessels.barrel, "barrel keg cask drum-barrel", "wood"),
    _subject(vessels.crate, "crate box package parcel cargo cube", "wood"),
    _subject(vessels.chest, "chest treasure coffer trunk strongbox", "wood"),
    _subject(vessels.potion, "potion bottle flask elixir vial tonic jar", "main", colours="primary=a83fc8"),
    _subject(vessels.vase, "vase pot jug pottery", "main", colours="primary=b8683f"),
    _subject(vessels.vase, "urn amphora pitcher trophy", "main", colours="primary=3f7f9c", handles="yes"),
    _subject(vessels.teapot, "teapot kettle", colours="primary=4f8fb0"),
    _subject(vessels.cup, "mug cup tankard beer coffee stein", colours="primary=9a6238"),
    _subject(vessels.goblet, "goblet chalice grail wineglass", "gold"),
    _subject(household.book, "book tome grimoire spellbook manual diary journal", colours="primary=7a2f3a"),
    _subject(household.scroll, "scroll map parchment letter", "cream"),
    _subject(vessels.key, "key", "gold"),
    _subject(household.lantern, "lantern", "metal", colours="glow=ffd24a"),
    _subject(household.lamp, "lamp lampshade light", colours="primary=e0b050"),
    _subject(household.candle, "candle candlestick torch", "cream", colours="primary=b8863f"),
    _subject(household.clock, "clock watch timer alarm", colours="primary=c8453a"),
    _subject(household.chair, "chair stool seat armchair", "main wood", colours="primary=b8463c"),
    _subject(household.throne, "throne", "main gold", colours="primary=8a2f4a"),
    _subject(household.table, "table desk bench altar", "wood", colours="primary=b8463c"),
    _subject(household.guitar, "guitar lute violin ukulele banjo", "wood"),
    _subject(household.drum, "drum", colours="primary=c8453a"),
    _subject(household.camera, "camera", colours="primary=3a3a44"),
    _subject(household.umbrella, "umbrella parasol", colours="primary=c8453a secondary=e88a2e"),
    _subject(vessels.backpack_prop, "backpack rucksack bag satchel knapsack", colours="primary=8a6238"),
    _subject(vessels.coin, "coin medal token doubloon", "gold"),
    _subject(household.lollipop, "lollipop candy sweet", colours="primary=e87aa8 secondary=fbf1f4"),
    _subject(weapons.sword, "sword longsword blade saber sabre rapier", "metal"),
    _subject(weapons.sword, "greatsword claymore broadsword", "metal", kind="great"),
    _subject(weapons.sword, "dagger knife stiletto", "metal", kind="dagger"),
    _subject(weapons.sword, "katana scimitar cutlass", "metal", kind="curved"),
    _subject(weapons.axe, "axe hatchet tomahawk battleaxe", "metal"),
    _subject(weapons.hammer, "hammer warhammer mallet", "metal"),
    _subject(weapons.pickaxe, "pickaxe pick scythe sickle", "metal"),
    _subject(weapons.mace, "mace flail morningstar club", "metal"),
    _subject(weapons.spear, "spear lance pike javelin halberd", "metal"),
    _subject(weapons.spear, "trident fork pitchfork", "metal", kind="trident"),
    _subject(weapons.staff, "staff scepter sceptre stave rod cane", "wood"),
    _subject(weapons.wand, "wand", colours="primary=4a3566"),
    _subject(weapons.bow, "bow longbow crossbow", "wood"),
    _subject(gear.shield, "shield heater kite", colours="primary=3a5fb0 secondary=e6dcc0"),
    _subject(gear.shield, "buckler targe disc disk", colours="primary=8a3f34 secondary=c8a05a", kind="round"),
    _subject(gear.helmet, "helmet helm visor", "metal"),
    _subject(gear.armour, "armour armor breastplate chestplate cuirass", "metal"),
    _subject(gear.gauntlet, "gauntlet glove hand fist", "metal"),
    _subject(gear.blaster, "blaster gun pistol raygun laser rifle weapon", colours="primary=d8683f"),
    _subject(gear.bomb, "bomb grenade cannonball", "shade"),
    _subject(gear.anchor, "anchor", "metal"),
    _subject(gear.gear, "gear cog cogwheel wheel", "metal"),
    _subject(gear.wrench, "wrench spanner screwdriver tool", "metal"),
)  # fmt: skip

_NATURE = (
    _subject(plants.tree, "tree oak maple willow birch bonsai", "leaf"),
    _subject(plants.pine, "pine fir spruce conifer", "leaf", colours="leaf=3f7f4f"),
    _subject(plants.palm, "palm", "leaf"),
    _subject(plants.bush, "bush shrub hedge fern plant", "leaf"),
    _subject(plants.mushroom, "mushroom toadstool fungus", colours="primary=c8453a"),
    _subject(plants.flower, "flower daisy blossom rose lily orchid", colours="primary=e87aa8"),
    _subject(plants.flower, "sunflower", colours="primary=f0b83a", kind="sunflower"),
    _subject(plants.flower, "tulip", colours="primary=d8453f", kind="tulip"),
    _subject(plants.cactus, "cactus succulent", "leaf", colours="second=b8683f secondary=b8683f"),
    _subject(plants.fruit, "apple fruit tomato cherry", colours="primary=c8342f"),
    _subject(plants.fruit, "pear avocado", colours="primary=a8b83f", kind="pear"),
    _subject(plants.fruit, "orange-fruit peach plum melon", colours="primary=e8853a", kind="round"),
    _subject(plants.fruit, "lemon lime mango", colours="primary=f0cf3a", kind="lemon"),
    _subject(plants.pumpkin, "pumpkin squash gourd", colours="primary=e07a2a"),
    _subject(plants.pumpkin, "jack-o-lantern jackolantern", "main", "wizard hat", "primary=e07a2a", face="yes"),
    _subject(sky.cake, "cake cupcake pie dessert", colours="primary=d8a05a secondary=f6d8e0"),
    _subject(sky.ice_cream, "icecream gelato sundae", colours="primary=f1dcb8 secondary=e88aa8 accent=7a4a30"),
    _subject(sky.burger, "burger hamburger sandwich cheeseburger", colours="primary=d08a3f"),
    _subject(sky.gem, "gem diamond ruby emerald sapphire jewel gemstone amethyst", colours="primary=3fa8d8"),
    _subject(sky.crystals, "crystal crystals quartz shard", colours="primary=8a5ad8"),
    _subject(sky.rock, "rock boulder stone pebble asteroid meteor ore", "stone"),
    _subject(sky.planet, "planet world saturn globe", colours="primary=d8a05a secondary=e8cfa0 accent=b8683f"),
    _subject(sky.moon, "moon crescent", colours="primary=e8dc9a"),
    _subject(sky.sun, "sun", colours="primary=f6c23a secondary=f08a2a"),
    _subject(sky.cloud, "cloud", colours="primary=eef3f8"),
    _subject(sky.starry, "star", colours="primary=f6c83a"),
    _subject(sky.heart, "heart", colours="primary=d8324a"),
    _subject(sky.flame, "fire campfire flame bonfire", colours="accent=f28a2a"),
    _subject(sky.egg, "egg", colours="primary=e8e0cf secondary=a8b8a0"),
    _subject(places.house, "house cottage hut cabin home inn tavern shop barn", colours="primary=b8463c"),
    _subject(places.tower, "tower turret keep", "stone", colours="primary=4a5fa0"),
    _subject(places.castle, "castle fortress palace fort temple", "stone", colours="primary=3f5f9c"),
    _subject(places.windmill, "windmill mill", colours="primary=b8463c"),
    _subject(places.lighthouse, "lighthouse", colours="primary=c83a34"),
    _subject(places.tent, "tent camp yurt tipi", colours="primary=c87a3a secondary=e8c88a"),
    _subject(places.well, "well fountain", "stone", colours="primary=b8463c"),
    _subject(vehicles.car, "car vehicle automobile taxi racecar sedan tank jeep", colours="primary=d8453f"),
    _subject(vehicles.car, "bus van tram caravan", colours="primary=e8b03a", kind="bus"),
    _subject(vehicles.car, "truck lorry pickup", colours="primary=3f7fb0 secondary=b88a4f", kind="truck"),
    _subject(vehicles.cart, "cart wagon carriage chariot", "wood"),
    _subject(vehicles.train, "train locomotive engine", colours="primary=2f6f4f"),
    _subject(vehicles.rocket, "rocket spaceship spacecraft missile shuttle starship", colours="primary=eceff4 accent=d8453f"),
    _subject(vehicles.ufo, "ufo saucer"),
    _subject(vehicles.ship, "ship galleon frigate", "main", colours="primary=8a5a34"),
    _subject(vehicles.ship, "boat sailboat yacht raft", "main", colours="primary=3f7fb0", kind="boat"),
    _subject(vehicles.plane, "plane airplane aeroplane aircraft jet biplane glider helicopter drone", colours="primary=d8453f secondary=f1e6cf"),
    _subject(vehicles.balloon, "balloon airship zeppelin", colours="primary=d8453f secondary=f0b83a accent=3f8fb0"),
    _subject(vehicles.submarine, "submarine", colours="primary=e8b03a"),
)  # fmt: skip

SUBJECTS: tuple[Subject, ...] = _PEOPLE + _ANIMALS + _PROPS + _NATURE
BY_WORD: Mapping[str, Subject] = {word: subject for subject in reversed(SUBJECTS) for word in subject.words}
"""Every known noun. Where two subjects share a word the earlier one keeps it."""

ROLES = frozenset(word for subject in _PEOPLE if subject.draw is human for word in subject.words)
"""Nouns that can be somebody's job: ``robot courier``, ``skeleton knight``. The body is the other noun's."""
BODIES = frozenset(
    word
    for subject in (*_PEOPLE, *_ANIMALS)
    if subject.draw in {robot, creatures.creature, creatures.ghost, beasts.sitting, wildlife.owl}
    or subject.name in {"skeleton", "zombie", "alien", "ogre", "goblin", "golem", "demon", "elf", "dwarf"}
    for word in subject.words
)
"""Nouns that can take a role."""
