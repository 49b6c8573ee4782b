import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { eventually } from '../../../src/lib/testing/eventually.ts';
import { NriPlugin, type NriPluginOptions } from '../../../src/nri/plugin.ts';
import { Runtime, type RuntimeOptions } from '../runtime.ts';

/** A runtime of its own with 8 simulated CPUs, gone when the test is. */
export async function startRuntime(context: TestContext, options: Partial<RuntimeOptions> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'dracpu-runtime-'));
  const cdiDirectory = join(directory, 'cdi');
  const nriSocketPath = join(directory, 'nri', 'nri.sock');
  await mkdir(cdiDirectory);
  const runtime = new Runtime({
    nriSocketPath,
    cdiDirectory,
    launcher: 'simulated',
    cpus: CpuSet.range(0, 7),
    log: silentLog,
    ...options,
  });
  await runtime.start();
  context.after(async () => {
    await runtime.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const startContainer = async (podName: string, env: string[] = [], cdiDeviceIds: string[] = []) => {
    const sandbox = await runtime.runPodSandbox({ uid: `uid-${podName}`, name: podName, namespace: 'shop' });
    const id = await runtime.createContainer(sandbox, { name: 'main', image: 'busybox', env, cdiDeviceIds });
    await runtime.startContainer(id);
    return { sandbox, id };
  };
  return { runtime, directory, cdiDirectory, nriSocketPath, startContainer };
}

/** A plugin that is synchronised with a runtime, gone when the test is. */
export async function startPlugin(
  context: TestContext,
  nriSocketPath: string,
  options: Partial<NriPluginOptions> & Pick<NriPluginOptions, 'handlers'>,
): Promise<NriPlugin> {
  const plugin = new NriPlugin({ name: 'test', index: '90', socketPath: nriSocketPath, ...options });
  plugin.start();
  context.after(() => plugin.stop());
  await eventually('the plugin synchronised', () => plugin.state.kind === 'synchronized');
  return plugin;
}
