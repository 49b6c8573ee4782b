import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OWN_DEFINITIONS, podTypes } from '../../hack/chart-schema/pod-types.ts';
import { describeDriverTypes } from '../../hack/chart-schema/driver-types.ts';
import { volumeTypes } from '../../hack/chart-schema/volume-types.ts';
import { findOpenApi, readTypes } from './openapi.ts';

const openApi = findOpenApi();
const skip = 'missing' in openApi ? openApi.missing : false;

/** Fields of Kubernetes that the chart does not take: for Windows, or volumes that a DaemonSet cannot use. */
const leftOut: Readonly<Record<string, readonly string[]>> = {
  SecurityContext: ['windowsOptions'],
  PodSecurityContext: ['windowsOptions'],
  Volume: [
    'awsElasticBlockStore',
    'azureDisk',
    'azureFile',
    'cephfs',
    'cinder',
    'ephemeral',
    'flexVolume',
    'flocker',
    'gcePersistentDisk',
    'gitRepo',
    'glusterfs',
    'photonPersistentDisk',
    'portworxVolume',
    'quobyte',
    'rbd',
    'scaleIO',
    'storageos',
    'vsphereVolume',
  ],
};

const { EnvVar } = describeDriverTypes();
assert.ok(EnvVar);
const definitions = Object.entries({ ...podTypes, ...volumeTypes, EnvVar });

describe("the definitions of the chart's schema", { skip }, () => {
  const types = 'directory' in openApi ? readTypes(openApi.directory) : undefined;
  for (const [name, definition] of definitions.filter(([each]) => !OWN_DEFINITIONS.includes(each))) {
    test(`${name} has the fields of Kubernetes`, () => {
      const type = types?.get(name);
      assert.ok(type, name);
      const wanted = Object.keys(type.properties).filter((field) => !leftOut[name]?.includes(field));
      assert.deepEqual(new Set(Object.keys(definition.properties ?? {})), new Set(wanted));
      assert.deepEqual(new Set(definition.required), new Set(type.required));
    });
  }
});
