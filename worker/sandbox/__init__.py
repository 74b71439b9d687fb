"""What a process that decodes strangers' files gives up before it loads a decoder (Linux).

It gains no privileges (no_new_privs), reaches only the files and ports of rules.py (Landlock), and cannot make the
system calls that syscalls.py refuses (seccomp). Threads keep what the thread that made them had, so a process enters
its sandbox before NumPy and OpenCV start threads. A decoder that is taken over by an image then has its process's
memory, the brokers' ports and $TMPDIR, and nothing else of the machine.
"""
