"""Names of what a subject can carry or wear, and what draws it."""

from collections.abc import Callable

from maquette.studio.painter import carried, headwear, worn
from maquette.studio.painter.sketch import Sketch

Attachment = Callable[[Sketch], None]
ATTACHMENTS: dict[str, Attachment] = {
    "bag": carried.bag, "satchel": carried.bag, "mailbag": carried.bag, "purse": carried.bag, "pouch": carried.bag, "backpack": carried.backpack, "rucksack": carried.backpack, "pack": carried.backpack,
    "jetpack": carried.jetpack, "cape": worn.cape, "cloak": worn.cape, "scarf": worn.scarf, "wizard hat": headwear.wizard_hat, "pointed hat": headwear.wizard_hat, "witch hat": headwear.wizard_hat,
    "top hat": headwear.top_hat, "hat": headwear.top_hat, "cowboy hat": headwear.cowboy_hat, "tricorn": headwear.tricorn, "cap": headwear.cap, "crown": headwear.crown, "tiara": headwear.crown,
    "straw hat": headwear.straw_hat, "chef hat": headwear.chef_hat, "hood": headwear.hood, "mask": headwear.ninja_mask, "helmet": headwear.great_helm, "helm": headwear.great_helm,
    "horned helmet": headwear.viking_helm, "space helmet": headwear.bubble, "horns": headwear.horns, "horn": headwear.horns, "antlers": headwear.antlers, "halo": headwear.halo, "wings": worn.wings,
    "bat wings": worn.bat_wings, "insect wings": worn.insect_wings, "fairy wings": worn.insect_wings, "tail": worn.tail, "sword": carried.held_sword, "blade": carried.held_sword, "shield": carried.held_shield, "staff": carried.held_staff, "wand": carried.held_staff,
    "bow": carried.held_bow, "axe": carried.held_axe, "lantern": carried.held_lantern, "lamp": carried.held_lantern, "glasses": worn.glasses, "spectacles": worn.glasses,
    "goggles": worn.goggles, "beard": worn.beard, "eyepatch": worn.eyepatch, "headphones": worn.headphones, "bow tie": worn.bow_tie, "bowtie": worn.bow_tie,
    "flower": worn.flower, "spikes": worn.spikes, "thorns": worn.spikes,
}  # fmt: skip
