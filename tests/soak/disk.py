# SPDX-License-Identifier: MIT
"""A file system of a run's own, so that it can be filled up without harm. Needs root."""

import contextlib
import os
import pathlib
import shutil
import subprocess


def _quiet(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


class OwnDisk:
    """Mounts ext4 in a sparse file, or a tmpfs where that cannot be; a context manager.

    `kind` tells which it became, or None where nothing can be mounted: `path` is a plain directory
    then, and must not be filled.
    """

    def __init__(self, directory, size_bytes, memory_only=False):
        self.path = pathlib.Path(directory) / "disk"
        self.image = pathlib.Path(directory) / "disk.img"
        self.size_bytes = int(size_bytes)
        self.memory_only = memory_only
        self.kind = None

    def __enter__(self):
        self.path.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self.kind = (None if self.memory_only else self._mount_ext4()) or self._mount_tmpfs()
        return self

    def _mount_ext4(self):
        if not (shutil.which("mkfs.ext4") and shutil.which("mount")):
            return None
        with open(self.image, "wb") as file:
            file.truncate(self.size_bytes)
        made = _quiet("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(self.image))
        if made.returncode == 0 and _quiet("mount", "-o", "loop", str(self.image), str(self.path)).returncode == 0:
            return "ext4"
        self.image.unlink()
        return None

    def _mount_tmpfs(self):
        # Its pages are memory: no more than a quarter of it.
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        self.size_bytes = min(self.size_bytes, pages // 4)
        done = _quiet("mount", "-t", "tmpfs", "-o", f"size={self.size_bytes}", "tmpfs", str(self.path))
        return "tmpfs" if done.returncode == 0 else None

    def __exit__(self, *_):
        if self.kind is not None and _quiet("umount", str(self.path)).returncode != 0:
            _quiet("umount", "-l", str(self.path))
        with contextlib.suppress(FileNotFoundError):
            self.image.unlink()
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def free_bytes(self):
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self):
        """Take all free space with one file, at once; `free()` gives it back."""
        with open(self.path / "ballast", "ab") as file:
            piece = 1 << 40
            while piece >= 4096 and self.free_bytes() >= 4096:
                piece = min(piece, self.free_bytes() // 4096 * 4096 or 4096)
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, piece)
                except OSError:
                    piece //= 2

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            (self.path / "ballast").unlink()
