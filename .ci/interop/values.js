// Says how tuf-js reads patterns, documents and paths. The job on standard input
// and the answer on the output are described in values.py.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { Metadata } = require('@tufjs/models');
const { DelegatedRole } = require('@tufjs/models/dist/role');
const { Updater } = require('tuf-js');

async function attempt(action) {
  try {
    await action();
    return '';
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`.slice(0, 200);
  }
}

async function tryAll(keys, action) {
  const answers = [];
  for (const key of keys) {
    answers.push([key, await attempt(() => action(key))]);
  }
  return Object.fromEntries(answers); // which takes __proto__ for a name like others
}

const read = (file) => {
  const data = JSON.parse(fs.readFileSync(file, 'utf8'));
  return Metadata.fromJSON(data.signed._type, data);
};

async function main(job) {
  const matches = job.patterns.map((pattern) => {
    const role = new DelegatedRole({ name: 'x', keyIDs: [], threshold: 1, terminating: false, paths: [pattern] });
    return job.paths.map((name) => role.isDelegatedPath(name));
  });

  const root = read(job.root);
  const documents = await tryAll(Object.keys(job.documents), (name) => root.verifyDelegate('targets', read(job.documents[name])));

  fs.mkdirSync(job.dir, { recursive: true });
  fs.copyFileSync(job.root, path.join(job.dir, 'root.json'));
  const updater = new Updater({
    metadataDir: job.dir,
    metadataBaseUrl: job.metadata,
    targetBaseUrl: job.artifacts,
    config: { prefixTargetsWithHash: false },
  });
  await updater.refresh();
  const file = path.join(job.dir, 'download');
  const downloads = await tryAll(job.downloads, async (name) => {
    const info = await updater.getTargetInfo(name);
    if (info === undefined) {
      throw new Error('not found');
    }
    await updater.downloadTarget(info, file);
    if (fs.readFileSync(file, 'utf8') !== name) {
      throw new Error('other content');
    }
  });
  fs.writeFileSync(1, JSON.stringify({ matches, documents, downloads }));
}

main(JSON.parse(fs.readFileSync(0, 'utf8'))).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
