"""A rosbag2 recording in SQLite, a folder with metadata.yaml or one .db3 file, as messages on topics."""

from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .container import Losses
from .errors import SourceError
from .mcap_file import RATED, Seen, unseen
from .message_log import Logged
from .messages import decoder
from .ros import MessageError
from .topics import Topic

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

MAGIC = b"SQLite format 3\0"
METADATA = "metadata.yaml"
FORMATS = {"MSG": "ros2msg", "IDL": "ros2idl", "NONE": ""}


class Rosbag2:
    """A bag, as `message_log.Messages` says."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.losses = Losses()
        with self._reader() as reader:
            seen = {one.topic: self._seen(reader, one) for one in reader.connections}
            self.topics = tuple(_topic(one, seen[one.topic]) for one in reader.connections)
        spans = [one for one in seen.values() if one.count]
        if not spans:
            raise SourceError(f"{path} has no messages. Record it again, or give another bag.")
        self.start_ns = min(one.start_ns for one in spans)
        self.end_ns = max(one.end_ns for one in spans)

    def read(self, topics: Collection[str], from_ns: int | None) -> Iterator[Logged]:
        """Messages of these topics, by time; a database that is damaged ends where it is, `corrupt`."""
        self.losses.clear()
        with self._reader() as reader:
            wanted = [one for one in reader.connections if one.topic in topics]
            # SQLite closes only where nothing is being read any more.
            with closing(self._messages(reader, wanted, from_ns)) as messages:
                for one, logged_ns, data in messages:
                    yield Logged(one.topic, logged_ns, data)

    def _messages(
        self, reader: Any, wanted: "list[Connection]", from_ns: int | None
    ) -> "Generator[tuple[Connection, int, bytes]]":
        import apsw

        if not wanted:
            return
        try:
            with closing(reader.messages(wanted, start=from_ns)) as messages:
                yield from messages
        except apsw.Error:
            self.losses["corrupt"] += 1

    def _seen(self, reader: Any, connection: "Connection") -> Seen:
        """Its first messages; how many there are, and until when, as far as the bag counts them."""
        seen = unseen(connection.msgtype)
        with closing(self._messages(reader, [connection], None)) as messages:
            for _, logged_ns, data in islice(messages, max(RATED, seen.probed)):
                seen.add(logged_ns, data)
        if seen.count:
            seen.count, seen.end_ns = connection.msgcount or seen.count, reader.metadata.end_time - 1
        return seen

    @contextmanager
    def _reader(self) -> Generator[Any]:
        from rosbags.rosbag2 import ReaderError
        from rosbags.rosbag2.reader import DirectoryReader
        from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

        path = Path(self.path)
        try:
            reader = DirectoryReader(path) if path.is_dir() else Sqlite3Reader(path)
            reader.open()
        except Exception as error:
            # Of YAML, of SQLite, of the bag's metadata: no error in common.
            raise SourceError(
                f"{path} cannot be read as a rosbag2 recording: {error}. `ros2 bag reindex` may mend it; or"
                " give one of its .db3 files."
            ) from error
        try:
            yield reader
        except ReaderError as error:
            raise SourceError(f"{path} cannot be read on: {error}") from error
        finally:
            reader.close()


def open_rosbag2(path: str) -> Rosbag2:
    """Open a bag: its folder, or one of its SQLite files. Raises SourceError."""
    return Rosbag2(path)


def _topic(connection: "Connection", seen: Seen) -> Topic:
    decode, why = None, ""
    form, text = connection.msgdef.format.name, connection.msgdef.data
    try:
        decode = decoder("cdr", FORMATS.get(form, ""), connection.msgtype, text.encode())
    except MessageError as error:
        why = str(error)
    return Topic(
        connection.topic, connection.msgtype, seen.count, seen.rate_hz, tuple(seen.first), decode, why
    )
