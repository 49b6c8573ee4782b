# Runs scripts that the host asks for by number on the second serial port; several may run at once.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
mkdir -p /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
ln -sf /proc/self/fd /dev/fd
ln -sf pts/ptmx /dev/ptmx
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname machine

# Directories of the host that /run and /dev of the machine hide return at their path, under a layer in memory of their own.
layers=0
while IFS= read -r path; do
  [ ! -e "$path" ] || continue
  layer=/run/layers/$layers
  layers=$((layers + 1))
  mkdir -p "$path" "$layer/lower" "$layer/upper" "$layer/work"
  mount --bind "/run/host$path" "$layer/lower"
  mount -t overlay -o "lowerdir=$layer/lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$path"
done </run/share/visible

ip link set lo up
stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
echo ready >&3
while read -r job <&3; do
  (
    sh "/run/share/$job.sh" >"/run/share/$job.out" 2>"/run/share/$job.err" </dev/null 3>&-
    echo "$job $?" >&3
  ) &
done
