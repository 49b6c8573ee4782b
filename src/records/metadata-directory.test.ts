import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { MetadataDirectory } from './metadata-directory.ts';

const CLAIM = { uid: 'uid-1', namespace: 'shop', name: 'db-cpus-x7k2p', podClaimName: undefined };
const DEVICES = [{ pool: 'node-a', device: 'cpudevnuma000', attributes: { 'dra.cpu/cpuset': { string: '2-3' } } }];

async function openDirectory(context: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'metadata-'));
  context.after(() => rm(root, { recursive: true }));
  const dataDirectory = join(root, 'plugins/dra.cpu');
  const cdiDirectory = join(root, 'cdi');
  await mkdir(cdiDirectory);
  return {
    dataDirectory,
    cdiDirectory,
    metadata: new MetadataDirectory({ driverName: 'dra.cpu', dataDirectory, cdiDirectory }),
  };
}

test('MetadataDirectory.write tells a container its devices as the Go helper does, in both versions', async (context) => {
  const { dataDirectory, cdiDirectory, metadata } = await openDirectory(context);
  await metadata.write(CLAIM, [{ request: 'cpus', devices: DEVICES }]);
  const hostPath = join(dataDirectory, 'dra-device-metadata/shop_db-cpus-x7k2p/cpus/metadata.json');
  const documents = (await readFile(hostPath, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    documents.map(({ kind, apiVersion }) => [kind, apiVersion]),
    [
      ['DeviceMetadata', 'metadata.resource.k8s.io/v1beta1'],
      ['DeviceMetadata', 'metadata.resource.k8s.io/v1alpha1'],
    ],
  );
  assert.deepEqual(documents[0]?.metadata, { name: CLAIM.name, namespace: 'shop', uid: 'uid-1', generation: 1 });
  assert.deepEqual(documents[1]?.requests, [
    {
      name: 'cpus',
      devices: [
        {
          driver: 'dra.cpu',
          pool: 'node-a',
          name: 'cpudevnuma000',
          attributes: { 'dra.cpu/cpuset': { string: '2-3' } },
        },
      ],
    },
  ]);
  assert.deepEqual(JSON.parse(await readFile(join(cdiDirectory, 'dra.cpu_metadata_uid-1_cpus.json'), 'utf8')), {
    cdiVersion: '0.5.0',
    kind: 'dra.cpu/metadata',
    devices: [
      {
        name: 'uid-1_cpus',
        containerEdits: {
          mounts: [
            {
              hostPath,
              containerPath:
                '/var/run/kubernetes.io/dra-device-attributes/resourceclaims/db-cpus-x7k2p/cpus/dra.cpu-metadata.json',
              options: ['ro', 'bind'],
            },
          ],
        },
      },
    ],
  });
});

test('MetadataDirectory.write takes the name of the pod for a claim from a template, and the request for a subrequest', async (context) => {
  const { cdiDirectory, metadata } = await openDirectory(context);
  await metadata.write({ ...CLAIM, podClaimName: 'cpus-of-db' }, [{ request: 'cpus/large', devices: DEVICES }]);
  const spec = await readFile(join(cdiDirectory, 'dra.cpu_metadata_uid-1_cpus.json'), 'utf8');
  assert.match(spec, /dra-device-attributes\/resourceclaimtemplates\/cpus-of-db\/cpus\/dra\.cpu-metadata\.json/);
});

test('MetadataDirectory.remove takes away what is of the claim, and nothing else', async (context) => {
  const { dataDirectory, cdiDirectory, metadata } = await openDirectory(context);
  await metadata.write(
    CLAIM,
    ['one', 'two'].map((request) => ({ request, devices: DEVICES })),
  );
  await metadata.write({ ...CLAIM, uid: 'uid-10', name: 'other' }, [{ request: 'one', devices: DEVICES }]);
  await writeFile(join(cdiDirectory, 'vendor.com-gpu.json'), '{}');
  await metadata.remove(CLAIM);
  await metadata.remove(CLAIM);
  assert.deepEqual((await readdir(cdiDirectory)).sort(), ['dra.cpu_metadata_uid-10_one.json', 'vendor.com-gpu.json']);
  assert.deepEqual(await readdir(join(dataDirectory, 'dra-device-metadata')), ['shop_other']);
});

test('MetadataDirectory.remove leaves what a later claim of the same name has', async (context) => {
  const { dataDirectory, cdiDirectory, metadata } = await openDirectory(context);
  const again = { ...CLAIM, uid: 'uid-2' };
  const hostPath = join(dataDirectory, 'dra-device-metadata/shop_db-cpus-x7k2p/cpus/metadata.json');
  await metadata.write(CLAIM, [{ request: 'cpus', devices: DEVICES }]);
  await Promise.all([metadata.write(again, [{ request: 'cpus', devices: DEVICES }]), metadata.remove(CLAIM)]);
  assert.match(await readFile(hostPath, 'utf8'), /"uid":"uid-2"/);
  assert.deepEqual(await readdir(cdiDirectory), ['dra.cpu_metadata_uid-2_cpus.json']);
  await metadata.remove(again);
  assert.deepEqual(await readdir(join(dataDirectory, 'dra-device-metadata')), []);
});

test('MetadataDirectory.write leaves no half a file when it fails, and none to be written later', async (context) => {
  const { dataDirectory, cdiDirectory, metadata } = await openDirectory(context);
  // What stands in the way of the rename, not of the write before it.
  await mkdir(join(cdiDirectory, 'dra.cpu_metadata_uid-1_cpus.json/x'), { recursive: true });
  const large = DEVICES.map((device) => ({
    ...device,
    attributes: { 'dra.cpu/cpuset': { string: '2'.repeat(1 << 22) } },
  }));
  await assert.rejects(metadata.write(CLAIM, [{ request: 'cpus', devices: large }]));
  assert.deepEqual(await readdir(cdiDirectory), ['dra.cpu_metadata_uid-1_cpus.json']);
  const text = await readFile(join(dataDirectory, 'dra-device-metadata/shop_db-cpus-x7k2p/cpus/metadata.json'), 'utf8');
  assert.equal(text.trim().split('\n').length, 2);
});

test('MetadataDirectory.readAll R3: finds what was written after the CDI directory was emptied', async (context) => {
  const { dataDirectory, cdiDirectory, metadata } = await openDirectory(context);
  assert.deepEqual(await metadata.readAll(), []);
  await metadata.write(CLAIM, [{ request: 'cpus', devices: DEVICES }]);
  await rm(cdiDirectory, { recursive: true });
  await writeFile(join(dataDirectory, 'dra-device-metadata/metadata.json'), '{"metadata":');
  assert.deepEqual(await metadata.readAll(), [{ uid: 'uid-1', attributes: [DEVICES[0]?.attributes] }]);
});
