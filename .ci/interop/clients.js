// Downloads with tuf-js' updater. The jobs on standard input and what came of
// them on the output are described in clients.py.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { Updater } = require('tuf-js');

const reason = (error) => `${error.constructor.name}: ${error.message}`;

async function download(updater, name, file) {
  try {
    const info = await updater.getTargetInfo(name);
    if (info === undefined) {
      return {};
    }
    await updater.downloadTarget(info, file);
    return { sha256: crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex') };
  } catch (error) {
    return { refused: reason(error) };
  } finally {
    fs.rmSync(file, { force: true });
  }
}

async function run(job) {
  const trusted = path.join(job.dir, 'root.json');
  if (!fs.existsSync(trusted)) {
    fs.mkdirSync(job.dir, { recursive: true });
    fs.copyFileSync(job.root, trusted);
  }
  const files = {};
  try {
    const updater = new Updater({
      metadataDir: job.dir,
      metadataBaseUrl: job.metadata,
      targetBaseUrl: job.artifacts,
      config: { prefixTargetsWithHash: false },
    });
    if (job.now) {
      updater.trustedSet.referenceTime = new Date(job.now * 1000);
    }
    await updater.refresh();
    for (const name of job.paths) {
      files[name] = await download(updater, name, path.join(job.dir, 'download'));
    }
    return { refused: null, files };
  } catch (error) {
    return { refused: reason(error), files };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await run(JSON.parse(line))));
  }
}

main();
