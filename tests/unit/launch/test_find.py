import msgspec
import pytest
from sixsense.launch import check as checking
from sixsense.launch import find as finding
from sixsense.launch.check import missing, wrong
from sixsense.launch.config import CONFIGS, load_config, parse_config
from sixsense.launch.find import Search, configuration, plain, search, snippet, unique_names
from sixsense.launch.plan import plan_run
from sixsense.nodes.wire.keys import allow, new_keys
from sixsense.sensors import camera, depth, drivers, imu_serial, microphone, phone, thermal
from sixsense.sensors.device import DeviceFailedError, Found
from sixsense.sensors.errors import SixsenseError

MODULES = {
    "camera": camera,
    "microphone": microphone,
    "depth": depth,
    "thermal": thermal,
    "imu_serial": imu_serial,
    "phone": phone,
}


def found(driver: str, identity: str, name: str = "A name", **options: str | int | float | bool) -> Found:
    return Found(
        driver=driver, id=identity, name=name, modes=("MJPG 1x1 1 Hz",), options={"id": identity, **options}
    )


SEEN = {
    "camera": [
        found("camera", '/dev/v4l/by-id/usb-"odd"\\name\x7f', width=640, height=480, rate_hz=30.0),
        found("camera", "/dev/v4l/by-id/usb-b"),
        found("camera", "/dev/v4l/by-id/usb-c", "Intel RealSense D435"),
    ],
    "microphone": [found("microphone", "pulse:a", rate_hz=44_100, channels=2)],
    "depth": [found("depth", "42", imu=True)],
    "thermal": [],
    "imu_serial": [found("imu_serial", "/dev/serial/by-id/usb-x")],
    "phone": [Found(driver="phone", id="phone", name="a phone", options={"port": 8055})],
}


RECIPES = {"bind"}
"""What else lies with the configurations."""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Found]]:
    there = {driver: list(devices) for driver, devices in SEEN.items()}
    for driver, module in MODULES.items():
        monkeypatch.setattr(module, "find", lambda driver=driver: there[driver])
    return there


def test_every_kind_of_device_can_be_found():
    assert MODULES.keys() == drivers.DEVICES.keys()
    assert all(one.driver in drivers.DEVICES for one in search())


@pytest.mark.usefixtures("seen")
def test_a_written_configuration_is_read_and_planned():
    text = configuration(list(search()))
    config = parse_config(text, "robot.toml")
    tags = [type(sensor).__struct_config__.tag for sensor in config.sensor]
    assert tags == ["camera", "camera", "microphone", "depth"]
    first, second = config.sensor[:2]
    assert msgspec.structs.asdict(first)["id"] == SEEN["camera"][0].id
    assert (msgspec.structs.asdict(first)["width"], msgspec.structs.asdict(second)["name"]) == (
        640,
        "camera2",
    )
    assert len(plan_run(config).nodes) == 4
    assert '# id = "/dev/v4l/by-id/usb-c"' in text
    assert '# driver = "phone"' in text


@pytest.mark.usefixtures("seen")
def test_each_comment_is_a_table_when_it_is_uncommented():
    uncertain = [one for one in search() if one.driver in finding.UNSURE]
    text = "".join(snippet(device) for one in uncertain for device in one.found)
    assert len(parse_config(text, "x.toml").sensor) == 2


def test_nothing_found_is_no_configuration(seen: dict[str, list[Found]]):
    seen.update({driver: [] for driver in seen})
    with pytest.raises(SixsenseError, match="no sensor was found"):
        configuration(list(search()))


def test_a_kind_that_cannot_be_searched_says_why_and_stops_no_other(
    seen: dict[str, list[Found]], monkeypatch: pytest.MonkeyPatch
):
    del seen

    def missing_package() -> list[Found]:
        raise DeviceFailedError('pip install "sixsense[depth]"')

    def broken() -> list[Found]:
        raise RuntimeError("USB stack")

    def forbidden() -> list[Found]:
        raise PermissionError(13, "Permission denied", "/dev/video0")

    monkeypatch.setattr(depth, "find", missing_package)
    monkeypatch.setattr(thermal, "find", forbidden)
    monkeypatch.setattr(microphone, "find", broken)
    searches = {one.driver: one for one in search()}
    assert searches["depth"].problem == 'pip install "sixsense[depth]"'
    assert "no permission to open /dev/video0" in searches["thermal"].problem
    assert len(searches["camera"].found) == 3
    assert searches["microphone"].problem == "RuntimeError: USB stack"
    lines = list(plain(searches.values()))
    assert 'not searched: depth: pip install "sixsense[depth]"' in lines
    assert "    id: phone" in lines


def test_one_that_does_not_answer_is_given_up_and_said(monkeypatch: pytest.MonkeyPatch):
    import threading

    never, told = threading.Event(), []
    monkeypatch.setattr(thermal, "find", lambda: [never.wait(30)])
    (one,) = search({"thermal"}, on_wait=told.append, patience_s=0.05)
    never.set()
    assert one.problem.startswith("no answer in 0.05 s")
    assert told[0] == "still looking for thermal"


def test_names_are_numbered_from_the_second_on():
    assert unique_names([*SEEN["camera"], *SEEN["depth"]]) == ["camera", "camera2", "camera3", "depth"]


@pytest.mark.parametrize("name", sorted({path.stem for path in CONFIGS.glob("*.toml")} - RECIPES))
def test_every_shipped_configuration_can_be_planned(name: str):
    config = load_config(name)
    if config.sensor:
        assert not list(wrong(config))


def test_what_is_not_there_is_a_warning_each(tmp_path):
    here = tmp_path / "ttyIMU"
    here.touch()
    config = parse_config(
        "".join(
            f'[[sensor]]\ndriver = "{driver}"\nname = "s{index}"\nid = "{identity}"\n'
            for index, (driver, identity) in enumerate(
                [
                    ("camera", "/dev/v4l/by-id/none"),
                    ("camera", "http://127.0.0.1/video"),
                    ("camera", ""),
                    ("microphone", "default"),
                    ("microphone", "pulse:b"),
                    ("depth", ""),
                    ("imu_serial", here),
                ]
            )
        ),
        "x.toml",
    )
    searches = [
        Search(driver="camera", found=tuple(SEEN["camera"])),
        Search(driver="microphone", found=tuple(SEEN["microphone"])),
        Search(driver="depth", problem="needs pyrealsense2"),
        Search(driver="imu_serial"),
    ]
    assert list(missing(config, searches)) == [
        'camera /dev/v4l/by-id/none is not there now (there: /dev/v4l/by-id/usb-"odd"\\name\x7f,'
        " /dev/v4l/by-id/usb-b, /dev/v4l/by-id/usb-c); it may be plugged in later",
        "microphone pulse:b is not there now (there: pulse:a); it may be plugged in later",
        "depth (any) is not there now (needs pyrealsense2); it may be plugged in later",
    ]


def test_files_to_watch_for_are_looked_at():
    config = parse_config(
        '[[sensor]]\ndriver = "camera"\n[[watch]]\nname = "bell"\nfile = "/none.wav"\n', "x.toml"
    )
    assert list(wrong(config)) == ["watch 'bell': there is no file /none.wav; correct the path"]
    assert "no [[sensor]]" in "".join(wrong(parse_config("", "x.toml")))


def test_a_remote_sensor_whose_key_is_not_allowed_is_a_mistake_with_the_command_that_mends_it(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SIXSENSE_KEYS", str(tmp_path / "keys"))
    config = parse_config(
        '[[sensor]]\ndriver = "remote"\nname = "arm"\nkey = "wrist"\nstreams = [\n'
        '  { name = "imu", modality = "imu", rate_hz = 200.0 },\n'
        '  { name = "mic", modality = "audio", rate_hz = 16000.0 },\n]\n',
        "x.toml",
    )
    public = new_keys(tmp_path / "keys").public
    refused = "remote sensor 'arm': its key 'wrist' is not allowed to publish "
    (text,) = wrong(config)
    assert text.startswith(f"{refused}imu, mic; ")
    assert text.endswith("`sixsense keys allow wrist PUBLIC-KEY --streams imu,mic`")
    allow(tmp_path / "keys", "wrist", public, ("imu",), ())
    (text,) = wrong(config)
    assert text.startswith(f"{refused}mic; ")
    assert text.endswith(f"`sixsense keys allow wrist '{public}' --streams imu,mic`")
    allow(tmp_path / "keys", "wrist", public, ("*",), ())
    assert not list(wrong(config))


@pytest.mark.usefixtures("seen")
def test_the_commands_print_what_programs_and_people_read(capsys: pytest.CaptureFixture[str], tmp_path):
    finding.main(as_json=True, as_toml=False)
    searches = [msgspec.json.decode(line, type=Search) for line in capsys.readouterr().out.splitlines()]
    assert {one.driver: list(one.found) for one in searches} == SEEN
    finding.main(as_json=False, as_toml=False)
    assert "    id: pulse:a" in capsys.readouterr().out
    finding.main(as_json=False, as_toml=True)
    path = tmp_path / "robot.toml"
    path.write_text(capsys.readouterr().out)
    assert checking.main(str(path))
    told = capsys.readouterr()
    assert "can be run: model mini; sensors camera, camera, microphone, depth; watches 0" in told.out
    assert told.err.count("warning: camera /dev/v4l/by-id/") == 2


def test_a_configuration_that_cannot_be_run_is_not_right(capsys: pytest.CaptureFixture[str], tmp_path):
    path = tmp_path / "robot.toml"
    path.write_text('[[sensor]]\ndriver = "recording"\npath = "none.mp4"\n')
    assert not checking.main(str(path))
    assert "mistake: " in capsys.readouterr().err


def test_every_mistake_of_a_run_is_said_at_once(
    capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SIXSENSE_KEYS", str(tmp_path / "keys"))
    path = tmp_path / "robot.toml"
    path.write_text(
        'model = "nope"\n[endpoints]\nresults = "tcp://0.0.0.0:5556"\ningest = "tcp://127.0.0.1:5555"\n'
        '[[sensor]]\ndriver = "recording"\npath = "one.mp4"\n'
        '[[sensor]]\ndriver = "recording"\npath = "two.mp4"\n'
        '[[sensor]]\ndriver = "remote"\nname = "wrist"\nkey = "wrist"\n'
        'streams = [{ name = "imu", modality = "imu", rate_hz = 100.0 }]\n'
    )
    assert not checking.main(str(path))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 6
    for one in ("one.mp4", "two.mp4", "nope", "bind results to", "bind ingest to", "publish imu"):
        assert sum(one in line for line in said) == 1, one
    new_keys(tmp_path / "keys")
    assert not checking.main(str(path))
    assert "keys new" not in capsys.readouterr().err
