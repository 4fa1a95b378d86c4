"""What kinds of things the picture teacher's 1000 names are."""

import torch
from torch import Tensor

# Places in `concepts.picture_labels`, and ranges of them, both ends included.
FAMILIES = {
    "dog": "151-268",
    "cat": "281-285",
    "wild cat": "286-293",
    "wolf or fox": "269-280",
    "bear": "294-297 387-388",
    "monkey": "365-382",
    "bird": "7-24 80-100 127-146",
    "fish": "0-6 389-397",
    "frog": "30-32",
    "turtle": "33-37",
    "lizard": "38-48",
    "crocodile": "49-50",
    "snake": "52-68",
    "spider": "72-77",
    "crab or lobster": "118-125",
    "shellfish": "112-113 115-117",
    "whale": "147-149",
    "insect": "300-320",
    "butterfly": "321-326",
    "elephant": "385-386 101",
    "horse or cow": "339-340 345-347",
    "antelope or sheep": "348-353",
    "car": "436 468 511 609 627 656 661 751 817",
    "truck": "555 569 675 717 864 867",
    "bus": "654 779 874",
    "train": "466 547 705 820 829",
    "airplane": "404-405 726 895",
    "boat": "472 484 554 576 625 628 780 814 871",
    "bicycle or motorcycle": "444 665 670-671 870",
    "musical instrument": "401-402 420 432 486 513 541 546 558 566 579 593-594 642 683 776 875 881 889",
    "weapon": "413 471 657 763-764",
    "clock or watch": "409 530-531 604 826 835 892",
    "chair": "423 559 765 831 857",
    "lamp": "607 619 818 846",
    "ball": "429-430 522 574 722 747 768 805 852 890",
    "computer": "508 527 590 620 664 681 782 851",
    "telephone": "487 528 707",
    "cup or pot": "438 441 504-505 725 738 849 883 899",
    "tool": "473 512 587 596 740 784 792",
    "building": "425 483 497 538 663 668 698 832",
    "bridge": "821 839 888",
    "clothes": "399-400 451-452 474 578 608 610 834 841 869",
    "hat": "515 518 560 808",
    "shoe": "502 514 630 770 774",
    "fruit or vegetable": "936-957",
    "food": "924-935 959-967",
    "flower": "985-986",
    "mushroom": "991-997",
    "landscape": "970-980",
}


def members(places: str) -> list[int]:
    """ "3-5 9" to [3, 4, 5, 9]."""
    spans = [[int(end) for end in part.split("-")] for part in places.split()]
    return [place for span in spans for place in range(span[0], span[-1] + 1)]


def family_shares(objects: Tensor) -> Tensor:
    """(n, 1000) shares of the teacher's names to (n, families); what is of no family is left out."""
    belongs = torch.zeros(objects.shape[1], len(FAMILIES))
    for column, places in enumerate(FAMILIES.values()):
        belongs[members(places), column] = 1
    return objects @ belongs
