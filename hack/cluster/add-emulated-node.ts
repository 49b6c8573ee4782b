/**
 * Adds a node of twelve CPUs, two sockets and two NUMA nodes to the cluster of `make cluster-up`, for tests that need more CPUs
 * than this machine has: `node hack/cluster/add-emulated-node.ts [IMAGE_ARCHIVE...]`. Kubelet and containerd run in an emulated
 * machine, the control plane outside it. Stays until it is interrupted, and takes the node away then.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join, resolve } from 'node:path';
import { EmulatedMachine } from '../../test/integration/machine/emulated-machine.ts';

const NODE = 'machine';
/** Addresses of the two ends of the machine's link, and of its pods; those of the cluster are in common.sh. */
const [OUTSIDE_ADDRESS, ADDRESS, POD_SUBNET] = ['10.101.1.1', '10.101.1.2', '10.99.0.0/24'];
const TAP = 'dracpu1';
/** A start of some 60 s on an idle host, under emulation that is some ten times slower than it. */
const START_TIMEOUT_MS = 400_000;

const { KUBECONFIG, KUBE_BIN, CLUSTER_DIR } = process.env;
if (!KUBECONFIG || !KUBE_BIN || !CLUSTER_DIR) {
  console.error('add-emulated-node: no cluster in the environment: eval "$(make -s cluster-up)" first');
  process.exit(2);
}

const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });
const kubectl = (...args: string[]) => run(join(KUBE_BIN, 'kubectl'), ...args);
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The machine's network, until the tap interface is deleted. */
function addTap(): void {
  run('ip', 'tuntap', 'add', 'dev', TAP, 'mode', 'tap');
  run('ip', 'address', 'add', `${OUTSIDE_ADDRESS}/30`, 'dev', TAP);
  run('ip', 'link', 'set', TAP, 'up');
  run('ip', 'route', 'add', POD_SUBNET, 'via', ADDRESS);
  run('sysctl', '-q', 'net.ipv4.ip_forward=1');
}

const startedMs = performance.now();
const seconds = () => `${((performance.now() - startedMs) / 1_000).toFixed(0)} s`;
const folder = import.meta.dirname;
run(join(folder, 'certificates.sh'), NODE, ADDRESS);
addTap();
const archives = process.argv.slice(2).map((path) => resolve(path));
const machine = await EmulatedMachine.boot({
  directories: [KUBE_BIN, CLUSTER_DIR, ...archives.map(dirname)],
  smp: '12,sockets=2,dies=1,cores=3,threads=2',
  nodes: ['0-5', '6-11'],
  memoryMiBPerNode: 1536,
  distances: [[0, 1, 21]],
  tap: TAP,
});
try {
  const environment = {
    KUBE_BIN,
    CLUSTER_DIR,
    CLUSTER_NODE: NODE,
    CLUSTER_NODE_ADDRESS: ADDRESS,
    CLUSTER_POD_SUBNET: POD_SUBNET,
    CLUSTER_GATEWAY: OUTSIDE_ADDRESS,
  };
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  const command = [join(folder, 'emulated-node.sh'), ...archives].map(quote).join(' ');
  const { status, stderr } = await machine.run(`${exports.join('')}exec ${command}\n`, { timeoutMs: START_TIMEOUT_MS });
  if (status !== 0) throw new Error(`Cannot start the node: ${stderr}`);
  kubectl('wait', '--for=create', `node/${NODE}`, '--timeout=120s');
  kubectl('wait', '--for=condition=Ready', `node/${NODE}`, '--timeout=120s');
  kubectl('label', 'node', NODE, 'node-role.kubernetes.io/worker=', '--overwrite');
  console.error(`node ${NODE} is Ready after ${seconds()}; logs: ${machine.folder}`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
} finally {
  await machine.stop();
  run('ip', 'link', 'delete', TAP);
  kubectl('delete', 'node', NODE, '--ignore-not-found');
}
