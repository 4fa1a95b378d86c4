"""What can happen in the simulated world: how long, sensed by what, and what people call it."""

from typing import Literal, NamedTuple

KindName = Literal[
    "alarm",
    "person",
    "bump",
    "dog",
    "ball",
    "kettle",
    "footsteps",
    "door",
    "glass",
    "babble",
    "rain",
    "motor",
    "stairs",
    "walk",
    "sit",
]


class Kind(NamedTuple):
    """A kind of happening: the modalities it can be sensed in, its usual seconds, and texts that describe it.

    A model may be trained on `phrases`, and is evaluated on `unseen`: the two have no text in common.
    `always` is how often it happens in every minute; the others take turns.
    """

    modalities: tuple[str, ...]
    seconds: float
    phrases: tuple[str, ...]
    unseen: tuple[str, ...]
    always: int = 0


PICTURES = frozenset(("vision", "depth", "thermal"))
"""The modalities that sense only what is before the robot."""

KINDS: dict[KindName, Kind] = {
    "alarm": Kind(
        ("audio", "vision"),
        4.0,
        (
            "an alarm",
            "an alarm beeping",
            "a smoke alarm goes off",
            "an electronic siren",
            "a warning light flashes red",
            "beeping warning signal",
        ),
        ("an alarm is sounding", "a fire alarm beeps", "the siren wails"),
        always=2,
    ),
    "person": Kind(
        ("vision", "depth", "thermal"),
        6.0,
        (
            "a person",
            "a person walks in",
            "somebody standing in the room",
            "a man",
            "a woman",
            "a human being",
            "a visitor comes through the door",
        ),
        ("someone enters the room", "there is a person here", "a human figure"),
        always=2,
    ),
    "bump": Kind(
        ("imu", "audio"),
        0.8,
        ("a bump", "a collision", "the robot is hit", "a hard knock", "a thud", "something crashes into it"),
        ("it bumps into something", "an impact", "a sudden jolt"),
        always=2,
    ),
    "dog": Kind(
        ("vision", "depth", "thermal", "audio"),
        5.0,
        ("a dog", "a dog barks", "a barking dog", "a puppy", "a dog runs in", "an animal in the room"),
        ("a dog comes in barking", "the hound barks", "a pet dog"),
    ),
    "ball": Kind(
        ("vision", "depth"),
        4.0,
        ("a ball", "a ball rolls across the floor", "a rolling ball", "a toy ball", "a round ball"),
        ("a ball is rolling by", "somebody's ball on the floor"),
    ),
    "kettle": Kind(
        ("audio", "thermal"),
        5.0,
        ("a kettle", "a kettle boils", "water is boiling", "a hot kettle", "a whistling kettle", "hot steam"),
        ("the kettle is boiling", "boiling water in a pot", "a teapot whistles"),
    ),
    "footsteps": Kind(
        ("audio",),
        4.0,
        ("footsteps", "somebody walks by", "steps on a wooden floor", "walking feet", "the sound of steps"),
        ("the sound of footsteps", "someone is walking past"),
    ),
    "door": Kind(
        ("audio",),
        1.8,
        ("a door", "a door slams", "a door closes", "a creaking door", "a door is opened and shut"),
        ("the door bangs shut", "a slamming door"),
    ),
    "glass": Kind(
        ("audio",),
        1.5,
        ("breaking glass", "glass breaks", "a glass shatters", "a window is smashed", "glass falls"),
        ("shattering glass", "something made of glass is broken"),
    ),
    "babble": Kind(
        ("audio",),
        4.0,
        ("speech", "people talking", "somebody speaks", "a voice", "a conversation", "a person talking"),
        ("someone is talking", "human voices"),
    ),
    "rain": Kind(
        ("audio",),
        5.0,
        ("rain", "rain on a window", "it is raining", "heavy rain", "raindrops", "a rain shower"),
        ("rain falling against the window", "rainy weather"),
    ),
    "motor": Kind(
        ("audio",),
        4.0,
        ("a motor", "a machine runs", "an electric motor", "a vacuum cleaner", "a drill", "an engine hums"),
        ("a running motor", "a humming machine"),
    ),
    "stairs": Kind(
        ("imu",),
        4.0,
        ("climbing stairs", "going up the stairs", "walking upstairs", "steps of a staircase", "stairs"),
        ("it is carried up a staircase", "ascending stairs"),
    ),
    "walk": Kind(
        ("imu",),
        4.0,
        ("walking", "a person walks", "carried by somebody who walks", "going for a walk", "strolling"),
        ("carried along at walking pace", "someone is walking with it"),
    ),
    "sit": Kind(
        ("imu",),
        4.5,
        ("sitting down", "a person sits down", "sitting down and standing up again", "taking a seat"),
        ("carried by someone who sits down", "getting seated"),
    ),
}

ACTIVITIES = {
    "drive": Kind(
        ("imu", "audio"),
        4.5,
        ("driving", "the robot drives", "moving forward on wheels", "a vehicle moves"),
        ("it is driving along", "rolling forward"),
    ),
    "turn": Kind(
        ("imu", "audio"),
        4.5,
        ("turning", "the robot turns", "turning around on the spot", "rotating"),
        ("it turns round", "spinning slowly"),
    ),
    "stop": Kind(
        ("imu",),
        1.5,
        ("standing still", "the robot stands still", "no motion", "at rest", "not moving"),
        ("it has stopped", "being motionless"),
    ),
}
"""What the robot does of its own, all the time: the background of what happens to it."""
