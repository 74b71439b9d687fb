"""What stands for a file in tests of the cores, which know none."""


class MemoryFile(bytearray):
    """Grows like a FileBlob with what is written."""

    def write(self, offset, data):
        self.extend(bytes(max(0, offset + len(data) - len(self))))
        self[offset : offset + len(data)] = data


class FullDisk(MemoryFile):
    """Takes nothing."""

    def write(self, offset, data):
        raise OSError(28, "No space left on device")
