import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../lib/testing/eventually.ts';
import { startPlugin, startRuntime } from '../../embedded/runtime/testing/start-runtime.ts';
import { updateThroughSynchronize } from './late-updates.ts';
import { cpusetAdjustment, cpusetUpdate } from './messages.ts';

for (const nri of ['0.12', '0.8'] as const) {
  test(`updateThroughSynchronize changes containers of NRI ${nri} beside a plugin that misses nothing`, async (context) => {
    const { runtime, nriSocketPath, startContainer } = await startRuntime(context, { nri });
    let synchronized = 0;
    await startPlugin(context, nriSocketPath, {
      handlers: {
        synchronize: () => {
          synchronized += 1;
          return [];
        },
        createContainer: () => ({ adjustment: cpusetAdjustment('0-5') }),
      },
    });
    const { id } = await startContainer('web');
    await updateThroughSynchronize({ name: 'late', index: '00', socketPath: nriSocketPath }, () => [
      cpusetUpdate(id, '0-7'),
      cpusetUpdate('gone', '0-7'),
    ]);
    await eventually('widened', async () => String(await runtime.actualCpus(id)) === '0-7');
    await eventually('the second plugin gone', () => runtime.plugins.join() === '90-test');
    assert.equal(synchronized, 1);
  });
}
