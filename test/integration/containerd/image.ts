import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { arch } from 'node:process';
import { join } from 'node:path';
import { run } from './run.ts';

/** Names of the one image: as workload and as what holds a sandbox. Its command only waits. */
export const IMAGE = 'local.test/busybox:1';
export const SANDBOX_IMAGE = 'local.test/pause:1';

const APPLETS = ['sh', 'sleep', 'cat', 'env', 'taskset'];

const digest = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** Makes an image of one static busybox in the form that `docker save` writes; its path. */
export async function buildImage(directory: string, busybox: string): Promise<string> {
  const rootfs = join(directory, 'rootfs');
  const out = join(directory, 'out');
  for (const folder of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp']) {
    await mkdir(join(rootfs, folder), { recursive: true });
  }
  await mkdir(out);
  await copyFile(busybox, join(rootfs, 'bin/busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(rootfs, 'bin', applet));
  await writeFile(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  await run('tar', ['-C', rootfs, '--owner=0', '--group=0', '-cf', join(out, 'layer.tar'), '.']);
  const config = JSON.stringify({
    architecture: arch === 'x64' ? 'amd64' : arch,
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sleep', '2147483647'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest(await readFile(join(out, 'layer.tar')))}`] },
  });
  const configName = `${digest(config)}.json`;
  await writeFile(join(out, configName), config);
  const manifest = [{ Config: configName, RepoTags: [IMAGE, SANDBOX_IMAGE], Layers: ['layer.tar'] }];
  await writeFile(join(out, 'manifest.json'), JSON.stringify(manifest));
  const path = join(directory, 'image.tar');
  await run('tar', ['-C', out, '-cf', path, 'manifest.json', configName, 'layer.tar']);
  await rm(rootfs, { recursive: true });
  await rm(out, { recursive: true });
  return path;
}
