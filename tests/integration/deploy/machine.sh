#!/bin/bash
# machine.sh FOLDER ROOT PYTHON VENV CGROUP: a systemd of its own in namespaces, over this system's files. It ends with this process.
# FOLDER/etc becomes /etc/oversight, FOLDER/units goes to /etc/systemd/system; nothing outside of FOLDER and CGROUP is written.
set -e
export FOLDER=$1 ROOT=$2 PYTHON=$3 VENV=$4
mkdir -p "$5"
echo $$ >"$5/cgroup.procs"
exec unshare --mount --pid --fork --ipc --uts --cgroup --kill-child=KILL --propagation private bash -ec '
  mkdir -p "$FOLDER/memory"
  mount -t tmpfs tmpfs "$FOLDER/memory"
  cd "$FOLDER/memory"
  mkdir upper work root
  mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
  mount --make-private root
  cd root
  mount -t proc proc proc
  mount --bind proc/sys proc/sys
  mount -o remount,ro,bind proc/sys
  mount --rbind /dev dev
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs tmpfs run
  mount -t tmpfs tmpfs tmp
  mkdir -p opt/oversight opt/python etc/oversight
  mount --bind "$PYTHON" opt/python
  mount --bind "$ROOT" opt/oversight
  mount -t tmpfs tmpfs opt/oversight/.venv
  mkdir opt/oversight/.venv/{bin,lib}
  mount --bind "$VENV/lib" opt/oversight/.venv/lib
  ln -s /opt/python/bin/python3 opt/oversight/.venv/bin/python
  printf "home = /opt/python/bin\n" >opt/oversight/.venv/pyvenv.cfg
  printf "#!/opt/oversight/.venv/bin/python\nfrom oversight.cli import main\nmain()\n" >opt/oversight/.venv/bin/oversight
  chmod +x opt/oversight/.venv/bin/oversight
  cp -r "$FOLDER/etc/." etc/oversight
  cp -r "$FOLDER/units/." etc/systemd/system
  for target in sysinit basic shutdown sockets timers paths here; do
    printf "[Unit]\nDefaultDependencies=no\n" >etc/systemd/system/$target.target
  done
  mkdir outside
  pivot_root . outside
  exec env -i container=test PATH=/usr/bin:/usr/sbin:/bin:/sbin /bin/sh -c "
    cd /
    umount -l /outside
    mount --make-rshared /
    exec /lib/systemd/systemd --system --unit=here.target --log-target=console --log-level=warning --show-status=no"
'
