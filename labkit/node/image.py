"""What is in the image of the lessons' Pods, as far as anybody can ask for it: names of programs, small files, environment.

The image is busybox (1.35, Debian) and curl around `/bin/hold`, a first process that does nothing; see tests/nodeimage/tools.
"""

from __future__ import annotations

from collections.abc import Mapping

_APPLETS = """
    [ [[ acpid adjtimex ar arch arp arping ascii ash awk base64 basename bc blkdiscard blockdev brctl bunzip2 bzcat bzip2 cal cat
    chgrp chmod chown chroot chvt clear cmp cp cpio crc32 crond crontab cttyhack cut date dc dd deallocvt depmod devmem df diff
    dirname dmesg dnsdomainname dos2unix dpkg dpkg-deb du dumpkmap dumpleases echo ed egrep env expand expr factor fallocate false
    fatattr fdisk fgrep find findfs fold free freeramdisk fsfreeze fstrim ftpget ftpput getopt getty grep groups gunzip gzip halt
    head hexdump hostid hostname httpd hwclock i2cdetect i2cdump i2cget i2cset i2ctransfer id ifconfig ifdown ifup init insmod
    ionice ip ipcalc ipneigh kill killall klogd last less link linux32 linux64 linuxrc ln loadfont loadkmap logger login logname
    logread losetup ls lsmod lsscsi lzcat lzma lzop md5sum mdev microcom mim mkdir mkdosfs mke2fs mkfifo mknod mkpasswd mkswap
    mktemp modinfo modprobe more mount mt mv nameif nc netstat nl nologin nproc nsenter nslookup nuke od openvt partprobe passwd
    paste patch pidof ping ping6 pivot_root poweroff printf ps pwd rdate readlink realpath reboot renice reset resume rev rm rmdir
    rmmod route rpm rpm2cpio run-init run-parts sed seq setkeycodes setpriv setsid sh sha1sum sha256sum sha3sum sha512sum shred shuf
    sleep sort ssl_client start-stop-daemon stat strings stty su sulogin svc svok swapoff swapon switch_root sync sysctl syslogd tac
    tail tar taskset tc tee telnet telnetd test tftp time timeout top touch tr traceroute traceroute6 true truncate ts tty tunctl
    ubirename udhcpc udhcpd uevent umount uname uncompress unexpand uniq unix2dos unlink unlzma unshare unxz unzip uptime usleep
    uudecode uuencode vconfig vi w watch watchdog wc wget which who whoami xargs xxd xz xzcat yes zcat
"""
APPLETS = frozenset(_APPLETS.split())
COMMANDS = frozenset({"/bin/busybox", "/bin/hold", "/usr/bin/curl"})
DIRECTORIES = ("/bin", "/etc", "/tmp", "/usr/bin")  # noqa: S108  # the container's, not ours
OPAQUE = frozenset({"/dev", "/lib", "/lib64", "/proc", "/sys"})  # there, and not ours to show
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS: Mapping[int, str] = {0: "root", 65534: "nobody"}
GROUPS: Mapping[int, str] = {0: "root", 65534: "nogroup"}
HOMES: Mapping[int, str] = {0: "/root", 65534: "/nonexistent"}
CURL_VERSION = "7.88.1"
FILES: Mapping[str, bytes] = {
    "/etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    "/etc/nsswitch.conf": b"hosts: files dns\n",
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "/dev/null": b"",
}


def program(name: str) -> str | None:
    """Where a program of the image is; None for one that the image does not have."""
    if "/" in name:
        parent, _, last = name.rpartition("/")
        return name if name in COMMANDS or (parent == "/bin" and last in APPLETS) else None
    if name in APPLETS:
        return f"/bin/{name}"
    return next((path for path in sorted(COMMANDS) if path.endswith(f"/{name}")), None)
