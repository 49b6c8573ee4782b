/**
 * Plain manifests for clusters without Helm. `--update` renders the chart into deployment/manifests/install.yaml, with the
 * labels that the reference's install.yaml has; without it that file is copied to dist/install.yaml, which needs Node alone.
 * `OVERRIDE_IMAGE=true` puts in the image of `IMAGE_REPO` and `TAG`. Where helm is at hand, dist/helm-manifest.yaml is what
 * the chart itself makes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Document, parseAllDocuments } from 'yaml';
import { CHART, findHelm, findInstalledHelm, renderChart } from './helm.ts';

const INSTALL = 'deployment/manifests/install.yaml';
const POD_LABELS = { tier: 'node', app: 'dracpu', 'k8s-app': 'dracpu' };
const HEAD = `# The CPU driver without Helm: kubectl apply -f install.yaml
# Made from the chart by "node hack/manifests.ts --update"; change it there.
`;

const RELEASE = {
  chart: CHART,
  release: 'dra-driver-cpu',
  namespace: 'kube-system',
  options: ['--set', 'fullnameOverride=dracpu'],
};

/** Gives an object the labels of the reference's manifests, whose DaemonSet selects by "app: dracpu". */
function relabel(document: Document): void {
  document.deleteIn(['metadata', 'labels']);
  // Helm's "# Source:" lines name files that readers of the manifest do not have.
  document.commentBefore = null;
  if (document.contents) document.contents.commentBefore = null;
  if (document.get('kind') !== 'DaemonSet') return;
  document.setIn(['metadata', 'labels'], document.createNode(POD_LABELS));
  document.setIn(['spec', 'selector', 'matchLabels'], document.createNode({ app: 'dracpu' }));
  document.setIn(['spec', 'template', 'metadata', 'labels'], document.createNode(POD_LABELS));
}

/** The text of deployment/manifests/install.yaml. */
export function renderInstall(helm: string): string {
  const documents = parseAllDocuments(renderChart(helm, RELEASE)) as Document[];
  const texts = documents.map((document) => {
    relabel(document);
    return document.toString({ directives: false, flowCollectionPadding: false, lineWidth: 0 }).replace(/^---\n/, '');
  });
  return HEAD + texts.map((text) => `---\n${text}`).join('');
}

/** Replaces the image of the manifest. */
function overrideImage(text: string, image: string): string {
  return text.replace(/^(\s+image: ).*$/m, `$1"${image}"`);
}

function updateInstall(): void {
  const helm = findHelm();
  if ('path' in helm) {
    writeFileSync(INSTALL, renderInstall(helm.path));
    return;
  }
  process.stderr.write(`Cannot render the chart: ${helm.missing}\n`);
  process.exitCode = 1;
}

function writeManifests(): void {
  const helm = findInstalledHelm();
  const { OVERRIDE_IMAGE, IMAGE_REPO = 'localhost/dra-driver-cpu', TAG = 'latest' } = process.env;
  const text = readFileSync(INSTALL, 'utf8');
  mkdirSync('dist', { recursive: true });
  writeFileSync('dist/install.yaml', OVERRIDE_IMAGE === 'true' ? overrideImage(text, `${IMAGE_REPO}:${TAG}`) : text);
  process.stderr.write('wrote dist/install.yaml\n');
  if ('missing' in helm) {
    process.stderr.write(`left out dist/helm-manifest.yaml: ${helm.missing}\n`);
    return;
  }
  const image = OVERRIDE_IMAGE === 'true' ? ['--set', `image.repository=${IMAGE_REPO},image.tag=${TAG}`] : [];
  const options = [...RELEASE.options, '--set', 'podLabels.app=dracpu', ...image];
  writeFileSync('dist/helm-manifest.yaml', renderChart(helm.path, { ...RELEASE, options }));
  process.stderr.write('wrote dist/helm-manifest.yaml\n');
}

if (import.meta.main) {
  if (process.argv.includes('--update')) updateInstall();
  else writeManifests();
}
