/**
 * Prints what happens to the containers of a node. Run it as root beside containerd 1.7 or later, or CRI-O:
 *
 *     node examples/nri-logger/nri-logger.ts [/var/run/nri/nri.sock]
 */
import { type ContainerEvent, containerCpus, NriPlugin, type PodEvent } from 'dra-driver-cpu/nri';

const print = (what: string, subject: string, more = '') => {
  process.stdout.write(`${new Date().toISOString()} ${what} ${subject}${more}\n`);
};
const podOf = ({ pod }: PodEvent) => `${pod.namespace}/${pod.name}`;
const containerOf = (event: ContainerEvent) => `${podOf(event)}/${event.container.name}`;
const cpusOf = ({ container }: ContainerEvent) => ` cpus=${containerCpus(container) || 'any'}`;

const plugin = new NriPlugin({
  name: 'logger',
  index: '99',
  ...(process.argv[2] === undefined ? {} : { socketPath: process.argv[2] }),
  onState: (state) => print('plugin', state.kind, state.kind === 'waiting' ? `: ${state.cause.message}` : ''),
  handlers: {
    synchronize({ pods, containers }) {
      print('node has', `${pods.length} pods, ${containers.length} containers`);
      return [];
    },
    runPodSandbox: (event) => print('run', podOf(event)),
    stopPodSandbox: (event) => print('stop', podOf(event)),
    postCreateContainer: (event) => print('created', containerOf(event), cpusOf(event)),
    postStartContainer: (event) => print('started', containerOf(event), cpusOf(event)),
    postUpdateContainer: (event) => print('updated', containerOf(event), cpusOf(event)),
    stopContainer(event) {
      print('ended', containerOf(event));
      return [];
    },
  },
});

plugin.start();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => plugin.stop());
