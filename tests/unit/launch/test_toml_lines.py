import tomllib

from sixsense.launch.toml_lines import dotted, key_lines, line_of

TEXT = '''\
robot = "a"  # [not.a.table]

[fusion]
hop_s = 0.1
a.b = 3
list = [
  1,
  2,
]
[[sensor]]
driver = """
[no]
x = 1
"""
t = { a = 1, b = 2 }
[sensor.sub]
k = 1
[[sensor]]
driver = "y"
[[sensor.kid]]
q = 1
[[sensor.kid]]
q = 2
'''


def test_every_key_has_the_line_it_stands_on():
    tomllib.loads(TEXT)
    lines = {dotted(path): line for path, line in key_lines(TEXT).items() if path}
    assert lines == {
        "robot": 1,
        "fusion": 3,
        "fusion.hop_s": 4,
        "fusion.a": 5,
        "fusion.a.b": 5,
        "fusion.list": 6,
        "sensor[0]": 10,
        "sensor[0].driver": 11,
        "sensor[0].t": 15,
        "sensor[0].sub": 16,
        "sensor[0].sub.k": 17,
        "sensor[1]": 18,
        "sensor[1].driver": 19,
        "sensor[1].kid[0]": 20,
        "sensor[1].kid[0].q": 21,
        "sensor[1].kid[1]": 22,
        "sensor[1].kid[1].q": 23,
    }


def test_what_is_inside_a_value_is_on_the_line_of_its_key():
    lines = key_lines(TEXT)
    assert line_of(("sensor", 0, "t", "b"), lines) == 15
    assert line_of(("fusion", "list", 1), lines) == 6
    assert line_of(("nowhere",), lines) == 1
