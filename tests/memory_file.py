"""Files for tests of the cores: in memory, and the part of a shell that writes them."""

from msgspec import structs

from filterfleet.common.blob import BlobStore
from filterfleet.common.client.actions import Deliver
from filterfleet.common.wire.actions import Discard, Store
from filterfleet.worker.leases.actions import Run


class MemoryFile(bytearray):
    """Grows like a FileBlob with what is written."""

    def write(self, offset, data):
        self.extend(bytes(max(0, offset + len(data) - len(self))))
        self[offset : offset + len(data)] = data

    def close(self):
        pass


class FullDisk(MemoryFile):
    """Takes nothing."""

    def write(self, offset, data):
        raise OSError(28, "No space left on device")


def answers(core):
    """What the core of a peer answers to everybody who has asked for a part of a blob, as if there were always room."""
    actions = []
    while core.gets:
        actions += core.answer()
    return actions


class Shelf:
    """The files of a core under test."""

    def __init__(self, new_file=MemoryFile):
        self.files = BlobStore(new_file)

    def settle(self, core, actions, now):
        """Do all that concerns files; the other actions, with blobs in place of their numbers."""
        rest = []
        for action in actions:
            match action:
                case Store():
                    rest += self.settle(core, self._store(core, action, now), now)
                case Discard(number):
                    self.files.discard(number)
                case Run(image=int(number)):
                    rest.append(structs.replace(action, image=self.files.take(number)))
                case Deliver(outcome=outcome, blobs=numbers) if numbers:
                    payload = tuple(self.files.take(number) for number in numbers)
                    rest.append(structs.replace(action, outcome=structs.replace(outcome, payload=payload), blobs=()))
                case _:
                    rest.append(action)
        return rest

    def _store(self, core, part, now):
        try:
            self.files.store(part.blob, part.offset, part.data)
        except OSError as error:
            return core.on_unstorable(part.blob, error.strerror, now)
        return core.on_stored(part.blob, part.offset, now)
