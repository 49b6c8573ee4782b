/**
 * Adds a node of twelve CPUs, two sockets and two NUMA nodes to the cluster of `make cluster-up`, for tests that need more CPUs
 * than this machine has: `node hack/cluster/add-emulated-node.ts [DRIVER_ARGUMENT...]`. Kubelet, containerd and the driver run in
 * an emulated machine, the control plane outside it. Stays until it is interrupted, and takes the node away then.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { EmulatedMachine } from '../../test/integration/machine/emulated-machine.ts';

const NODE = 'machine';
const ADDRESS = '10.101.0.1';
/** A start of some 60 s on an idle host, under emulation that is some ten times slower than it. */
const START_TIMEOUT_MS = 400_000;

const { KUBECONFIG, KUBE_BIN, CLUSTER_DIR } = process.env;
if (!KUBECONFIG || !KUBE_BIN || !CLUSTER_DIR) {
  console.error('add-emulated-node: no cluster in the environment: eval "$(make -s cluster-up)" first');
  process.exit(2);
}

const folder = import.meta.dirname;
const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
execFileSync(join(folder, 'certificates.sh'), [NODE, ADDRESS]);
const machine = await EmulatedMachine.boot({
  smp: '12,sockets=2,dies=1,cores=3,threads=2',
  nodes: ['0-5', '6-11'],
  memoryMiBPerNode: 1024,
  distances: [[0, 1, 21]],
  network: { hostForwards: [`tcp:${ADDRESS}:10250-:10250`] },
});
try {
  const environment = `export KUBE_BIN=${quote(KUBE_BIN)} CLUSTER_DIR=${quote(CLUSTER_DIR)}`;
  const command = [join(folder, 'emulated-node.sh'), ...process.argv.slice(2)].map(quote).join(' ');
  const { status, stderr } = await machine.run(`${environment}\nexec ${command}\n`, { timeoutMs: START_TIMEOUT_MS });
  if (status !== 0) throw new Error(`Cannot start the node: ${stderr}`);
  console.error(`node ${NODE} starts; logs: ${machine.folder}`);
  console.log(`export DRACPU_E2E_TARGET_NODE=${NODE}`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
} finally {
  await machine.stop();
  execFileSync('kubectl', ['delete', 'node', NODE, '--ignore-not-found'], { stdio: 'ignore' });
}
